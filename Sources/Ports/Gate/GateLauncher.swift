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
        let port = leased.lease.port
        let log = try GateLog.open(LeaseStore.log(port), in: store.logs)
        defer { close(log) }
        var word: [CInt] = [-1, -1]
        var ready: [CInt] = [-1, -1]
        let kind = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &word) == 0 else {
            throw ScoutError(.failed, "no socket pair: \(String(cString: strerror(errno)))")
        }
        guard socketpair(AF_UNIX, kind, 0, &ready) == 0 else {
            let reason = String(cString: strerror(errno))
            for end in word { close(end) }
            throw ScoutError(.failed, "no socket pair: \(reason)")
        }
        defer { close(ready[0]) }
        let process = ChildProcess(
            executable: executable, arguments: command,
            descriptors: [
                (word[0], GateSpec.Descriptor.spec), (log, STDOUT_FILENO), (log, STDERR_FILENO),
                (leased.lease.lock, GateSpec.Descriptor.lock),
                (leased.listener.descriptor, GateSpec.Descriptor.listener),
                (ready[1], GateSpec.Descriptor.ready), (server.source.descriptor, GateSpec.Descriptor.source),
            ],
            newSession: true)
        let child = Result { () throws(ScoutError) in try process.start() }
        close(word[0])
        close(ready[1])
        let bytes = Array(try JSON.encoder().encode(GateSpec(server, store)))
        let sent = bytes.withUnsafeBytes { File.writeAll($0, to: word[1]) }
        close(word[1])
        let pid = try child.get()
        guard sent, Self.isReady(ready[0], within: deadline) else {
            ChildProcess.end(pid)
            throw ScoutError(.failed, "the gate of port \(port) did not start", hint: "see \(store.logPath(port))")
        }
        var report = server.report
        report.pid = pid
        return report
    }

    /// A byte is the gate's word; the end of the pipe its death.
    private static func isReady(_ pipe: CInt, within deadline: Duration) -> Bool {
        var waiting = pollfd(fd: pipe, events: Int16(POLLIN), revents: 0)
        guard poll(&waiting, 1, deadline.pollTimeout) == 1 else { return false }
        var byte: UInt8 = 0
        return read(pipe, &byte, 1) == 1
    }
}
