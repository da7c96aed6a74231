import Foundation
import Glibc
import Platform
import Synchronization

/// A real `sshd` on a loopback address of its own, with keys of its own, for one test.
///
/// Works as root and as an ordinary user, who can log in only as himself. Everything ends and is deleted with ``stop()``.
final class OpenSSHServer: Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// What the server is to do beyond the defaults.
    struct Options: Sendable {
        /// Lines for `sshd_config`, before ours: sshd takes the first value it finds.
        var configuration: [String] = []
        /// The type of the host key.
        var hostKey = "ed25519"
        /// The password of the account; root only, in a mount namespace where `/etc/shadow` is ours.
        var password: String?
        /// Run it as an account that is not root's, which exists for this server only; nothing new for an ordinary user.
        var asOrdinaryUser = false
        /// Reuse address and port of a server that has ended, as after a re-installation.
        var endpoint: (address: String, port: UInt16)?
    }

    let directory: String
    let address: String
    let port: UInt16
    let user: String
    let pid: pid_t

    /// The private key that the server accepts.
    var identity: String { directory + "/id_ed25519" }
    var knownHosts: String { directory + "/config/scout/known_hosts" }
    var log: String { (try? String(contentsOfFile: directory + "/sshd.log", encoding: .utf8)) ?? "" }

    private let hasEnded = Atomic(false)
    private static let counter = Atomic<UInt32>(0)

    /// Starts a server, runs the body, and ends the server whatever happens.
    static func with<Result>(
        _ options: Options = Options(), _ body: (OpenSSHServer) async throws -> Result
    ) async throws -> Result {
        let server = try await OpenSSHServer(options)
        do {
            let result = try await body(server)
            server.stop()
            return result
        } catch {
            let log = server.log.suffix(2000)
            server.stop()
            FileHandle.standardError.write(Data("sshd of the failed test said:\n\(log)\n".utf8))
            throw error
        }
    }

    init(_ options: Options = Options()) async throws {
        guard access("/usr/sbin/sshd", X_OK) == 0 else { throw Failure(description: "no /usr/sbin/sshd") }
        if geteuid() == 0 { mkdir("/run/sshd", 0o755) }
        directory = try Self.makeDirectory()
        let isDemoted = options.asOrdinaryUser && geteuid() == 0
        user = isDemoted ? "scout-tester" : getpwuid(geteuid()).map { String(cString: $0.pointee.pw_name) } ?? "root"
        // An address of its own for each server: no port of one is in another's way, nor in that of other processes.
        let serial = Self.counter.wrappingAdd(1, ordering: .relaxed).newValue
        let seed = UInt32(getpid()) &* 64 &+ serial
        address = options.endpoint?.address ?? "127.\(64 + seed >> 16 & 63).\(seed >> 8 & 255).\(1 + seed % 254)"
        port = options.endpoint?.port ?? Self.freePort(address)

        let hostKey = directory + "/host_key"
        try Self.run("ssh-keygen", "-q", "-t", options.hostKey, "-N", "", "-f", hostKey)
        try Self.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory + "/id_ed25519")
        try Self.run("cp", directory + "/id_ed25519.pub", directory + "/authorized_keys")
        let lines =
            options.configuration + [
                "ListenAddress \(address):\(port)", "HostKey \(hostKey)", "PidFile none", "StrictModes no",
                "AuthorizedKeysFile \(directory)/authorized_keys", "PermitRootLogin yes", "UsePAM no",
                "PasswordAuthentication no", "KbdInteractiveAuthentication no", "PrintMotd no", "LogLevel VERBOSE",
                "MaxStartups 200", "MaxSessions 100",
                // The account's own start-up files are no part of the test.
                "SetEnv HOME=\(directory)",
            ]
        try lines.joined(separator: "\n").appending("\n")
            .write(toFile: directory + "/sshd_config", atomically: true, encoding: .utf8)

        var command = ["/usr/sbin/sshd", "-D", "-e", "-f", directory + "/sshd_config"]
        if let password = options.password {
            try Self.overlay(password: password, user: user, directory: directory)
            let script = """
                mount --bind "$1/shadow" /etc/shadow && mount --bind "$1/pam" /etc/pam.d/sshd || exit 1
                shift; exec "$@"
                """
            command = ["/usr/bin/unshare", "-m", "sh", "-c", script, "sh", directory] + command
        }
        if isDemoted {
            let account = "54321"
            try Self.run(
                "sh", "-c",
                "{ cat /etc/passwd; echo \"scout-tester:x:$2:$2::/:/bin/sh\"; } > \"$1/passwd\"; chown -R $2:$2 \"$1\"",
                "sh", directory, account)
            let script = "mount --bind \"$1/passwd\" /etc/passwd && shift && exec setpriv \"$@\""
            command =
                ["/usr/bin/unshare", "-m", "sh", "-c", script, "sh", directory, "--reuid", account, "--regid", account]
                + ["--clear-groups"] + command
        }
        pid = try Self.spawn(command, log: directory + "/sshd.log")
        try await waitUntilListening()
    }

    /// Ends the server and the processes of its connections, by their ids, and deletes its files.
    func stop() {
        end()
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// Ends the server and the processes of its connections, by their ids; harmless when it has ended.
    func end() {
        guard hasEnded.exchange(true, ordering: .relaxed) == false else { return }
        for child in Self.descendants(of: pid) + commands { kill(child, SIGKILL) }
        kill(pid, SIGKILL)
        var status: CInt = 0
        waitpid(pid, &status, 0)
    }

    /// The processes that serve connections now.
    var connectionProcesses: [pid_t] { Self.descendants(of: pid) }

    /// The commands that run in sessions of this server, found by the environment that sshd gives them: they outlive
    /// their connection.
    var commands: [pid_t] {
        Self.processes.filter { pid in
            guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/environ") else { return false }
            let variables = data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            return variables.contains { $0.hasPrefix("SSH_CONNECTION=") && $0.hasSuffix(" \(address) \(port)") }
        }
    }

    // MARK: Pieces

    private static var processes: [pid_t] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { pid_t($0) }
    }

    static func makeDirectory() throws -> String {
        var template = Array("/tmp/scout-ssh-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure(description: "mkdtemp") }
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // sshd looks for keys as the account's user.
        chmod(path, 0o755)
        return path
    }

    @discardableResult
    static func run(_ arguments: String..., input: String? = nil) throws -> String {
        try runAll(arguments, input: input)
    }

    @discardableResult
    static func runAll(_ arguments: [String], input: String? = nil) throws -> String {
        // With what it says on stderr, too.
        let command = ChildProcess("/bin/sh", ["sh", "-c", "exec \"$@\" 2>&1", "sh"] + arguments)
        let ended = try command.output(within: .seconds(120), limit: 64 << 20, input: Array((input ?? "").utf8))
        let text = String(decoding: ended.bytes, as: UTF8.self)
        guard ended.isSuccess else { throw Failure(description: "\(arguments): \(text)") }
        return text
    }

    /// Starts a process whose output goes to a file.
    static func spawn(_ command: [String], log: String, environment: [String] = []) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        // Threads of Swift's pool block all signals and shells in the background ignore some; a child would never get
        // rid of that, nor would the commands of its sessions.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var arguments = command.map { strdup($0) } + [nil]
        var variables = (environment + ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]).map { strdup($0) } + [nil]
        defer { for text in arguments + variables { free(text) } }
        var pid = pid_t()
        let code = posix_spawn(&pid, command[0], &actions, &attributes, &arguments, &variables)
        guard code == 0 else { throw Failure(description: "\(command[0]): \(String(cString: strerror(code)))") }
        return pid
    }

    static func descendants(of root: pid_t) -> [pid_t] {
        var children: [pid_t: [pid_t]] = [:]
        for pid in processes {
            guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
                let fields = stat.split(separator: ")").last?.split(separator: " "), fields.count > 1,
                let parent = pid_t(fields[1])
            else { continue }
            children[parent, default: []].append(pid)
        }
        var found: [pid_t] = []
        var next = children[root] ?? []
        while let pid = next.popLast() {
            found.append(pid)
            next += children[pid] ?? []
        }
        return found
    }

    /// A connected TCP socket.
    func dial() throws -> CInt { try Self.dial(address, port) }

    static func dial(_ address: String, _ port: UInt16) throws -> CInt {
        let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var name = socketAddress(address, port)
        let status = withUnsafePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else {
            close(descriptor)
            throw Failure(description: "connect: \(String(cString: strerror(errno)))")
        }
        return descriptor
    }

    static func socketAddress(_ address: String, _ port: UInt16) -> sockaddr_in {
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        inet_pton(AF_INET, address, &name.sin_addr)
        return name
    }

    /// A socket that listens on a free port.
    static func listen(_ address: String) -> (descriptor: CInt, port: UInt16) {
        let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var name = socketAddress(address, 0)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(descriptor, $0, size)
                _ = Glibc.listen(descriptor, 16)
                _ = getsockname(descriptor, $0, &size)
            }
        }
        return (descriptor, UInt16(bigEndian: name.sin_port))
    }

    private static func freePort(_ address: String) -> UInt16 {
        let (descriptor, port) = listen(address)
        close(descriptor)
        return port
    }

    /// Files to lay over the machine's own, seen by this server only.
    private static func overlay(password: String, user: String, directory: String) throws {
        let hash = try run("openssl", "passwd", "-6", "-stdin", input: password + "\n")
            .trimmingCharacters(in: .whitespacesAndNewlines)
        try "\(user):\(hash):19000:0:99999:7:::\nsshd:!:19000::::::\n"
            .write(toFile: directory + "/shadow", atomically: true, encoding: .utf8)
        try "auth required pam_unix.so\naccount required pam_permit.so\nsession required pam_permit.so\n"
            .write(toFile: directory + "/pam", atomically: true, encoding: .utf8)
    }

    private func waitUntilListening() async throws {
        for _ in 0..<200 {
            if let probe = try? dial() {
                close(probe)
                return
            }
            var status: CInt = 0
            if waitpid(pid, &status, WNOHANG) == pid { break }
            try await Task.sleep(for: .milliseconds(25))
        }
        let text = log
        stop()
        throw Failure(description: "sshd does not listen: \(text)")
    }
}
