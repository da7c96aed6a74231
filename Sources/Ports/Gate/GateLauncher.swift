import Core
import FoundationEssentials
import Glibc
import Platform

/// Starts a gate as a process of its own, and waits for its word that it is at work.
struct GateLauncher {
    let server: GatedServer
    let leased: LeasedListener
    let store: LeaseStore

    /// - Parameters:
    ///   - command: the arguments that run a gate, the program's path first.
    ///   - deadline: how long it may take to begin; 5 s by default.
    /// - Returns: the lease, with the gate's process.
    /// - Throws: `ScoutError` (`failed`), which names the gate's log.
    func run(_ command: [String], within deadline: Duration = .seconds(5)) throws -> LeaseReport {
        guard let executable = command.first else { throw ScoutError(.failed, "no command for a gate") }
        typealias Given = GateSpec.Descriptor
        let port = leased.lease.port
        let log = try GateLog.open(LeaseStore.log(port), in: store.logs)
        defer { close(log) }
        let process = ChildProcess(
            executable, command,
            descriptors: [
                .init(log, as: STDOUT_FILENO), .init(log, as: STDERR_FILENO), .init(leased.lease.lock, as: Given.lock),
                .init(leased.listener.descriptor, as: Given.listener),
                .init(server.source.descriptor, as: Given.source),
            ])
        let spec = try [UInt8](JSON.encoder().encode(GateSpec(server, store)))
        var report = server.report
        do throws(SystemError) {
            report.pid = try Daemon(process, settings: Given.spec, ready: Given.ready).start(spec, within: deadline)
        } catch {
            guard error.kind == .notReady else { throw ScoutError(error) }
            throw ScoutError(.failed, "the gate of port \(port) did not start", hint: "see \(store.logPath(port))")
        }
        return report
    }
}
