import Core
import Glibc

/// The host's own sshd on its own port, started and stopped with the owner's switch.
struct HostControlServer: Sendable {
    let port: UInt16
    let pidFile: String

    init(port: UInt16, paths: Paths) {
        self.port = port
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

    /// The sshd that ``start()`` started, if it still is one.
    private var process: pid_t? {
        guard let text = try? File.read(pidFile),
            let pid = pid_t(String(decoding: text.prefix { $0 > 32 }, as: UTF8.self)),
            pid > 1, let name = try? File.read("/proc/\(pid)/comm"), String(decoding: name, as: UTF8.self) == "sshd\n"
        else { return nil }
        return pid
    }

    /// Starts sshd with the host's own configuration, on this port. One that already listens is left as it is.
    ///
    /// - Returns: whether it had to be started.
    /// - Throws: `ScoutError` (`failed`) with sshd's own words.
    func start() async throws(ScoutError) -> Bool {
        if isListening { return false }
        try File.makePrivateDirectory(String(pidFile.prefix(upTo: pidFile.lastIndex(of: "/") ?? pidFile.startIndex)))
        // sshd does not start without it, and /run is empty after a boot.
        mkdir("/run/sshd", 0o755)
        // It insists on its full path, because it starts itself anew for each connection.
        let answer = try await HostTool("sh")(
            ["-c", "exec \"$(command -v sshd)\" \"$@\"", "sshd", "-p", "\(port)", "-o", "PidFile=\(pidFile)"])
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
        let sessions = Self.children(of: process)
        for pid in [process] + sessions { kill(pid, SIGTERM) }
        let end = ContinuousClock.now + .seconds(5)
        while kill(process, 0) == 0 {
            guard ContinuousClock.now < end else {
                throw ScoutError(.failed, "the host's sshd (pid \(process)) does not end", hint: "kill \(process)")
            }
            try? await Task.sleep(for: .milliseconds(20))
        }
        unlink(pidFile)
        return sessions.count
    }

    /// The processes whose parent is this one, after `/proc/PID/stat` (proc(5)).
    private static func children(of parent: pid_t) -> [pid_t] {
        guard let directory = opendir("/proc") else { return [] }
        defer { closedir(directory) }
        var found: [pid_t] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let pid = pid_t(name), let text = try? File.read("/proc/\(pid)/stat") else { continue }
            // The name in brackets may hold anything, so fields are counted behind the last one.
            let fields = String(decoding: text, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
            if fields.count > 1, pid_t(fields[1]) == parent { found.append(pid) }
        }
        return found
    }
}
