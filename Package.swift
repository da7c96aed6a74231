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
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let system: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")

let package = Package(
    name: "scout",
    products: [.executable(name: "scout", targets: ["scout"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
    ],
    targets: [
        .systemLibrary(name: "CLibSSH", pkgConfig: "libssh", providers: [.apt(["libssh-dev"])]),
        .systemLibrary(name: "CLibNBD", pkgConfig: "libnbd", providers: [.apt(["libnbd-dev"])]),

        .target(name: "CLinux"),
        .target(name: "Platform", dependencies: ["CLinux", system], swiftSettings: strict),

        .target(name: "Core", dependencies: ["Platform", "TOMLKit", system], swiftSettings: strict),
        .target(name: "SSH", dependencies: ["Platform", "CLibSSH", crypto, system], swiftSettings: strict),
        .target(name: "NBD", dependencies: ["Platform", "CLibNBD"], swiftSettings: strict),
        .target(name: "Sessions", dependencies: ["Core", "Platform", "SSH"], swiftSettings: strict),
        .target(name: "Ports", dependencies: ["Core", "Platform", "NBD"], swiftSettings: strict),
        .target(name: "Netfilter", dependencies: ["Platform"], swiftSettings: strict),
        .target(name: "Host", dependencies: ["Netfilter", "Core", "Platform"], swiftSettings: strict),
        .target(name: "Imaging", dependencies: ["Core", "Platform", "NBD", crypto], swiftSettings: strict),
        .target(
            name: "Diagnostics", dependencies: ["Core", "Platform", "Sessions", "Host", system], swiftSettings: strict),

        .target(
            name: "Toolkit", dependencies: ["Core", "Platform", "Ports", "Host", "Imaging"], swiftSettings: strict),

        .executableTarget(
            name: "scout",
            dependencies: [
                "Core", "Platform", "Sessions", "Ports", "Host", "Imaging", "Diagnostics", "Toolkit",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),

        .target(
            name: "TestSupport",
            dependencies: ["Platform", subprocess, system],
            path: "Tests/TestSupport", exclude: ["Captures"], swiftSettings: strict),
        .testTarget(name: "PlatformTests", dependencies: ["Platform", system], swiftSettings: strict),
        .testTarget(name: "CoreTests", dependencies: ["Core", "Platform"], swiftSettings: strict),
        .testTarget(name: "SSHTests", dependencies: ["Platform", "SSH", "CLibSSH"], swiftSettings: strict),
        .testTarget(name: "ToolkitTests", dependencies: ["Toolkit", "Core", "Platform"], swiftSettings: strict),
        .testTarget(
            name: "scoutTests",
            dependencies: [
                "scout", "Core", "Platform", "Host", "Imaging",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "SessionsTests", dependencies: ["Sessions", "SSH", "Core", "Platform"], swiftSettings: strict),
        .testTarget(
            name: "PortsTests", dependencies: ["Ports", "NBD", "Core", "Platform", "TestSupport"],
            swiftSettings: strict),
        .testTarget(name: "NBDTests", dependencies: ["Platform", "NBD"], swiftSettings: strict),
        .testTarget(
            name: "ImagingTests", dependencies: ["Imaging", "NBD", "Core", "Platform"],
            exclude: ["faulty-filesystem.py", "lying-server.py"],
            swiftSettings: strict),
        .testTarget(
            name: "NetfilterTests", dependencies: ["Netfilter", "Host", "Core", "Platform", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "HostTests", dependencies: ["Host", "Netfilter", "Core", "Platform", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "DiagnosticsTests",
            dependencies: ["Diagnostics", "Core", "Platform", "Sessions", "Host", "Netfilter", "TestSupport", system],
            swiftSettings: strict),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "Core", "Platform", "Diagnostics", "Sessions", "TestSupport", "scout",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
    ]
)
