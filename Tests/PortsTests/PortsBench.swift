import Core
import FoundationEssentials
import Glibc
import Platform
import TestSupport
import Testing

@testable import Ports

/// A container of its own on a loopback address, as the room sees it: without the command line.
struct PortsBench {
    let bench: Workbench
    let topology: Topology
    let paths: Paths
    let store: LeaseStore
    let address: IPAddress

    /// Where the leases' files are.
    var files: String { bench.directory + "/run/ports" }
    var evidence: String { bench.directory + "/evidence" }
    var status: PortStatus { PortStatus(store: store, container: topology.containerAddress) }

    /// Runs a test in a container that exists for it alone.
    ///
    /// - Parameters:
    ///   - evidence: the bytes of `evidence0`.
    ///   - nbdkit: a shell script in place of nbdkit; `$REAL` is the real one.
    static func with(
        evidence: [UInt8] = [UInt8](repeating: 7, count: 1 << 20), nbdkit: String? = nil,
        _ body: (PortsBench) async throws -> Void
    ) async throws {
        try await Workbench.with(evidence: evidence) { bench in
            try await body(PortsBench(bench, nbdkit: nbdkit))
        }
    }

    private init(_ bench: Workbench, nbdkit: String?) throws {
        self.bench = bench
        var environment = bench.environment
        if let nbdkit {
            let programs = bench.directory + "/bin"
            try #require(mkdir(programs, 0o700) == 0)
            let script = "#!/bin/sh\nREAL=/usr/bin/nbdkit\n\(nbdkit)\n"
            Workbench.write(Array(script.utf8), to: programs + "/nbdkit", mode: 0o700)
            environment["PATH"] = "\(programs):\(environment["PATH"] ?? "")"
        }
        var topology = Topology.loopback
        topology.hostVPNAddress = bench.address
        topology.containerAddress = bench.address
        self.topology = topology
        paths = Paths(environment: environment)
        store = try LeaseStore(topology: topology, paths: paths)
        address = try #require(IPAddress(bench.address))
    }

    /// Serves a source through a gate of the built program.
    func serve(_ source: String = "evidence0", gate: [String]? = nil, _ change: (inout NBDRequest) -> Void = { _ in })
        throws -> LeaseReport
    {
        var request = NBDRequest(source: source)
        change(&request)
        return try ServiceLauncher(topology: topology, paths: paths).serve(
            .nbd(request), gateCommand: gate ?? [Project.binary, "gate", "--", source],
            trialCommand: scout("examine", "--open-only", "--"))
    }

    /// The arguments that run the built program on this evidence.
    func scout(_ arguments: String...) -> [String] {
        ["/usr/bin/env", "SCOUT_EVIDENCE_DIR=\(evidence)", Project.binary] + arguments
    }

    /// The row of one port, as `ports` has it.
    func row(_ port: UInt16) throws -> PortsReport.Row {
        try #require(status.report().ports.first { $0.port == port })
    }

    /// A program that holds descriptors until it is ended.
    func holder(_ descriptors: [ChildProcess.Descriptor]) throws -> Holder {
        Holder(pid: try ChildProcess("/bin/sleep", ["sleep", "100"], descriptors: descriptors).start())
    }

    /// Opens a file of the ports' directory.
    func open(_ name: String, _ flags: CInt = O_RDWR | O_CREAT) throws -> CInt {
        let descriptor = Glibc.open("\(files)/\(name)", flags | O_CLOEXEC, 0o600)
        try #require(descriptor >= 0)
        return descriptor
    }

    /// Sets a source up: a script gets its path as `$0`.
    func makeSource(_ name: String, script: String) async throws -> String {
        let path = "\(bench.directory)/\(name)"
        let outcome = try await bench.tool("bash")("-ec", script, path)
        try #require(outcome.status == 0, "\(outcome.errors)")
        return path
    }
}

/// A child of the test, killed with this object.
final class Holder {
    let pid: pid_t
    private var isEnded = false
    init(pid: pid_t) { self.pid = pid }
    deinit { end() }

    /// Kills it, and waits until it is gone.
    func end() {
        guard !isEnded else { return }
        isEnded = true
        kill(pid, SIGKILL)
        waitpid(pid, nil, 0)
    }
}

/// The `ScoutError` that a closure ends in; anything else is recorded as a fault of the test.
func scoutError(_ body: () throws -> Void) -> ScoutError? {
    do {
        try body()
        Issue.record("nothing was thrown")
    } catch let error as ScoutError {
        return error
    } catch {
        Issue.record("an error of another type: \(error)")
    }
    return nil
}
