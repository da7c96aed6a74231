import Core
import Glibc
import Platform

/// The host's own sshd on its own port, started and stopped with the owner's switch.
struct HostControlServer: Sendable {
    let port: UInt16
    let pidFile: String
    private let tools: HostTools

    init(port: UInt16, paths: Paths, tools: HostTools) {
        self.port = port
        self.tools = tools
        pidFile = paths.runtimeDirectory + "/host-sshd.pid"
    }

    /// Whether anything accepts connections on the port.
    var isListening: Bool {
        guard let socket = try? Dial.tcp(host: Topology.loopback.hostVPNAddress, port: port, deadline: .seconds(1))
        else {
            return false
        }
        close(socket)
        return true
    }

    /// The sshd that ``start()`` started, known by its own words: a number in a file may be another process's by now.
    private var process: pid_t? {
        Self.processes().first { pid in
            guard let name = try? File.read("/proc/\(pid)/comm"), String(decoding: name, as: UTF8.self) == "sshd\n",
                let words = try? File.read("/proc/\(pid)/cmdline")
            else { return false }
            var status = stat()
            return stat("/proc/\(pid)", &status) == 0 && status.st_uid == geteuid()
                && String(decoding: words.map { $0 == 0 ? 32 : $0 }, as: UTF8.self).contains(" PidFile=\(pidFile) ")
        }
    }

    /// Starts sshd with the host's own configuration, on this port. One that already listens is left as it is.
    ///
    /// - Returns: whether it had to be started.
    /// - Throws: `ScoutError` (`failed`) with sshd's own words.
    func start() async throws(ScoutError) -> Bool {
        if isListening { return false }
        try ScoutError.wrap(
            File.makePrivateDirectory(String(pidFile.prefix(upTo: pidFile.lastIndex(of: "/") ?? pidFile.startIndex))))
        // sshd does not start without it, and /run is empty after a boot; where it can't be made, sshd says so.
        mkdir("/run/sshd", 0o755)
        // It insists on its full path, because it starts itself anew for each connection.
        let answer = try await tools.run(
            "sh", ["-c", "exec \"$(command -v sshd)\" \"$@\"", "sshd", "-p", "\(port)", "-o", "PidFile=\(pidFile)"])
        guard let answer, answer.status == 0 else {
            throw ScoutError(
                .failed, "the host's sshd does not start: \(answer?.complaint ?? "there is no shell here")",
                hint: "apt-get install openssh-server; sshd -t checks its configuration")
        }
        let end = ContinuousClock.now + .seconds(5)
        while !isListening {
            guard ContinuousClock.now < end else {
                throw ScoutError(.failed, "the host's sshd was started, and does not listen on port \(port)")
            }
            try? await Task.sleep(for: .milliseconds(50))
        }
        return true
    }

    /// Stops the sshd that was started here, with its sessions: who turns host control off wants them out.
    ///
    /// - Returns: how many sessions were ended; `nil` where there was nothing to stop.
    /// - Throws: `ScoutError` (`failed`) where it does not end.
    func stop() async throws(ScoutError) -> Int? {
        guard let process else { return nil }
        // Stopped, it can't start another session while they are counted. It is no child of this process, so what
        // becomes of the signals is seen by looking at the processes below.
        kill(process, SIGSTOP)
        let sessions = Self.processes().filter { Self.parent(of: $0) == process }
        let all = [process] + sessions
        for signal in [SIGTERM, SIGKILL] {
            for pid in all {
                kill(pid, signal)
                kill(pid, SIGCONT)
            }
            let end = ContinuousClock.now + .seconds(2)
            while all.contains(where: Self.isAlive), ContinuousClock.now < end {
                try? await Task.sleep(for: .milliseconds(20))
            }
        }
        if let left = all.first(where: Self.isAlive) {
            throw ScoutError(.failed, "the host's sshd (pid \(left)) does not end", hint: "kill -9 \(left)")
        }
        // Nobody reads it once the process is gone; sshd itself removes it, where it had the time.
        unlink(pidFile)
        return sessions.count
    }

    private static func isAlive(_ pid: pid_t) -> Bool { state(of: pid).map { $0 != "Z" && $0 != "X" } ?? false }

    /// The fields of `/proc/PID/stat` from the third on (proc(5)): state, parent, …
    private static func fields(of pid: pid_t) -> [Substring] {
        guard let text = try? File.read("/proc/\(pid)/stat") else { return [] }
        // The name in brackets may hold anything, so fields are counted behind the last one.
        return String(decoding: text, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
    }

    private static func state(of pid: pid_t) -> Substring? { fields(of: pid).first }

    private static func parent(of pid: pid_t) -> pid_t? {
        let fields = fields(of: pid)
        return fields.count > 1 ? pid_t(fields[1]) : nil
    }

    private static func processes() -> [pid_t] {
        DirectoryListing.names(in: "/proc").compactMap { pid_t($0) }
    }
}
