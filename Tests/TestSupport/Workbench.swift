public import Glibc

/// A container of its own on a loopback address of its own: directories, evidence, and the built program.
///
/// Several stand side by side, each with its own ports 2000–2009. `with` releases every port and removes every file.
public struct Workbench: Sendable {
    /// Its directory.
    public let directory: String
    /// Its address, of 127.0.0.0/8.
    public let address: String
    /// What the program sees.
    public let environment: [String: String]

    /// The program, in this container.
    public var scout: Command { Command(Project.binary, environment: environment) }

    /// A stock tool.
    public func tool(_ name: String) -> Command { Command(name, environment: environment) }

    /// Runs a test in a container that exists for it alone.
    ///
    /// - Parameters:
    ///   - evidence: the bytes of `evidence0`.
    ///   - body: the test.
    public static func with(
        evidence: [UInt8] = [UInt8](repeating: 7, count: 1 << 20), _ body: (Workbench) async throws -> Void
    ) async throws {
        let bench = try Workbench(evidence: evidence)
        do {
            try await body(bench)
        } catch {
            await bench.tearDown()
            throw error
        }
        await bench.tearDown()
    }

    private init(evidence: [UInt8]) throws {
        directory = "/tmp/scout-test-\(Project.uniqueName())"
        let parts = (0..<3).map { _ in UInt8.random(in: 1...250) }
        address = "127.\(parts[0]).\(parts[1]).\(parts[2])"
        for path in [directory, directory + "/evidence"] { mkdir(path, 0o700) }
        Self.write(evidence, to: directory + "/evidence/evidence0", mode: 0o444)
        let configuration = """
            [topology.bench]
            based-on = "loopback"
            host-vpn-address = "\(address)"
            container-address = "\(address)"

            """
        Self.write(Array(configuration.utf8), to: directory + "/config.toml", mode: 0o600)
        var environment = Project.environment
        environment["HOME"] = directory
        environment["SCOUT_CONFIG"] = directory + "/config.toml"
        environment["SCOUT_TOPOLOGY"] = "bench"
        environment["SCOUT_RUNTIME_DIR"] = directory + "/run"
        environment["SCOUT_STATE_DIR"] = directory + "/state"
        environment["SCOUT_EVIDENCE_DIR"] = directory + "/evidence"
        self.environment = environment
    }

    private func tearDown() async {
        _ = try? await scout("release", "--all")
        _ = try? await tool("rm")("-rf", directory)
        Self.reapChildren()
    }

    /// Reaps what has ended of this process's own children: gates that a test has started without a program between.
    ///
    /// An exit test waits for any child, and for ever where one that it did not start has ended and is never reaped.
    public static func reapChildren() {
        while waitpid(-1, nil, WNOHANG) > 0 {}
    }

    /// Writes a file.
    public static func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o600) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count <= 0 { break }
            rest = rest.dropFirst(count)
        }
        close(descriptor)
    }
}
