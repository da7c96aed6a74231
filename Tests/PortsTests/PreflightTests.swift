import Core
import FoundationEssentials
import Glibc
import Platform
import TestSupport
import Testing

@testable import Ports

/// A service that is not what it should be is not served, and leaves nothing.
@Suite struct PreflightTests {
    /// Asks for an export whose server is a script of the test's, and says how that ended.
    private func refusal(nbdkit: String) async throws -> ScoutError? {
        var error: ScoutError?
        try await PortsBench.with(nbdkit: nbdkit) { bench in
            error = scoutError { _ = try bench.serve() }
            #expect(bench.store.directory.names().isEmpty)
            let again = try LeasedListener.take(2000, on: bench.address, in: bench.store)
            #expect(again.lease.port == 2000)
        }
        return error
    }

    @Test func theServersOwnWordsAreToldWhereItDiesWhileStarting() async throws {
        let error = try await refusal(nbdkit: "echo 'nbdkit: error: no such plugin' >&2; exit 1")
        #expect(error?.code == .io)
        #expect(error?.message.hasSuffix("evidence0 can't be exported: no such plugin") == true, "\(error as Any)")
    }

    @Test func aServerThatDiesWithoutAWordDoesNotAnswer() async throws {
        let error = try await refusal(nbdkit: "exit 1")
        #expect(error?.code == .io && error?.message.contains("does not answer") == true, "\(error as Any)")
    }

    @Test func anExportThatTakesWritesIsRefused() async throws {
        let error = try await refusal(nbdkit: "exec $REAL --single memory 1048576")
        #expect(error?.code == .refused, "\(error as Any)")
    }

    @Test func anExportOfAnotherSizeIsRefused() async throws {
        let error = try await refusal(nbdkit: "exec $REAL --single --readonly memory 4096")
        #expect(error?.code == .protocolViolation, "\(error as Any)")
        #expect(error?.message.contains("4096 bytes and the source 1048576") == true)
    }

    @Test func whatIsNoNBDServerIsRefused() async throws {
        let error = try await refusal(nbdkit: "echo hello, this is no NBD server at all")
        #expect(error?.code == .io, "\(error as Any)")
    }

    @Test(arguments: ["exec sleep 100", "while :; do echo noise; done >&2"])
    func aServerThatIsNeverReadyIsEnded(script: String) async throws {
        try await PortsBench.with(nbdkit: script) { bench in
            let opened = try OpenSource("evidence0", in: bench.evidence)
            let command = ServerCommand(executable: bench.bench.directory + "/bin/nbdkit", arguments: ["nbdkit"])
            let start = ContinuousClock.now
            let error = scoutError {
                try Preflight(
                    command: command, source: opened, exportName: "x", keyFile: nil, readOnly: true, sizeBytes: 1 << 20
                ).run(within: .milliseconds(300))
            }
            #expect(error?.code == .io && error?.message.contains("within") == true, "\(error as Any)")
            #expect(ContinuousClock.now - start < .seconds(4))
            #expect(holders(of: bench.evidence + "/evidence0").isEmpty)
        }
    }

    @Test func theKeyIsTried() async throws {
        try await PortsBench.with { bench in
            let key = String(repeating: "a5", count: 32)
            let lease = try bench.serve {
                $0.tls = .psk
                $0.presharedKey = key
            }
            let file = try #require(lease.pskFile)
            #expect(try File.read(file) == Array("scout:\(key)\n".utf8))
            var info = stat()
            #expect(stat(file, &info) == 0 && info.st_mode & 0o777 == 0o600)
            for wrong in ["a5", String(repeating: "xy", count: 32), ""] {
                let error = scoutError {
                    _ = try bench.serve {
                        $0.tls = .psk
                        $0.presharedKey = wrong
                    }
                }
                #expect(error?.code == .usage, "\(wrong)")
            }
        }
    }

    @Test func aKeyOfItsOwnIsMadeForEachLease() async throws {
        try await PortsBench.with { bench in
            let keys = try (0..<2).map { _ in
                try File.read(try #require(try bench.serve { $0.tls = .psk }.pskFile)) ?? []
            }
            #expect(keys[0] != keys[1])
            #expect(keys.allSatisfy { $0.count == "scout:".utf8.count + 65 })
        }
    }

    // MARK: - The gate

    @Test(arguments: [["/bin/false"], ["/bin/sleep", "100"], ["/nowhere/at/all"]])
    func aGateThatDoesNotStartGivesThePortBack(command: [String]) async throws {
        try await PortsBench.with { bench in
            let start = ContinuousClock.now
            let error = scoutError { _ = try bench.serve(gate: command) }
            #expect(error?.code == .failed, "\(error as Any)")
            #expect(ContinuousClock.now - start < .seconds(8))
            #expect(holders(of: bench.evidence + "/evidence0").isEmpty)
            #expect(bench.store.directory.names().isEmpty)
            let again = try LeasedListener.take(2000, on: bench.address, in: bench.store)
            #expect(again.lease.port == 2000)
        }
    }
}
