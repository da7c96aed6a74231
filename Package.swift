// swift-tools-version: 6.2
import PackageDescription

// Each arrow of Docs/Architecture.md is a dependency here, so that the compiler keeps the walls.

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("ExistentialAny"),
]

let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")
let log: Target.Dependency = .product(name: "Logging", package: "swift-log")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")

let package = Package(
    name: "scout",
    products: [.executable(name: "scout", targets: ["scout"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
    ],
    targets: [
        .systemLibrary(name: "CLibSSH", pkgConfig: "libssh", providers: [.apt(["libssh-dev"])]),
        .systemLibrary(name: "CLibNBD", pkgConfig: "libnbd", providers: [.apt(["libnbd-dev"])]),

        .target(name: "Core", dependencies: ["TOMLKit", log], swiftSettings: strict),
        .target(name: "SSH", dependencies: ["CLibSSH", crypto], swiftSettings: strict),
        .target(name: "NBD", dependencies: ["CLibNBD"], swiftSettings: strict),
        .target(name: "Sessions", dependencies: ["Core", "SSH"], swiftSettings: strict),
        .target(name: "Ports", dependencies: ["Core", "NBD", log], swiftSettings: strict),
        .target(name: "Netfilter", dependencies: ["Core"], swiftSettings: strict),
        .target(name: "Host", dependencies: ["Netfilter", "Core", subprocess], swiftSettings: strict),
        .target(name: "Imaging", dependencies: ["Core", "NBD", crypto], swiftSettings: strict),
        .target(name: "Diagnostics", dependencies: ["Core", "Sessions", "Host"], swiftSettings: strict),

        .executableTarget(
            name: "scout",
            dependencies: [
                "Core", "Sessions", "Ports", "Host", "Imaging", "Diagnostics",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),

        .target(
            name: "TestSupport",
            dependencies: [subprocess, .product(name: "SystemPackage", package: "swift-system")],
            path: "Tests/TestSupport", exclude: ["Captures"], swiftSettings: strict),
        .testTarget(name: "CoreTests", dependencies: ["Core"], swiftSettings: strict),
        .testTarget(name: "SSHTests", dependencies: ["SSH", "CLibSSH"], swiftSettings: strict),
        .testTarget(name: "SessionsTests", dependencies: ["Sessions", "SSH", "Core"], swiftSettings: strict),
        .testTarget(name: "NBDTests", dependencies: ["NBD"], swiftSettings: strict),
        .testTarget(
            name: "ImagingTests", dependencies: ["Imaging", "NBD", "Core"],
            exclude: ["faulty-filesystem.py", "lying-server.py"],
            swiftSettings: strict),
        .testTarget(
            name: "NetfilterTests", dependencies: ["Netfilter", "Host", "Core", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "HostTests", dependencies: ["Host", "Netfilter", "Core", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "DiagnosticsTests", dependencies: ["Diagnostics", "Core", "Sessions", "Host"],
            swiftSettings: strict),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "Core", "Diagnostics", "Sessions", "TestSupport", "scout",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
    ]
)
