import Foundation
import Testing

/// A directory of its own, and an nbdkit in it, for the time of one test.
final class NBDKitServer {
    let directory: String
    /// The server's Unix socket.
    var socket: String { directory + "/socket" }
    var uri: String { "nbd+unix:///?socket=\(socket)" }
    private let child: Child

    /// Starts nbdkit and waits until it listens.
    ///
    /// - Parameters:
    ///   - arguments: plugin, filters, options. `{dir}` stands for the directory.
    ///   - tcp: an address to listen on, port 10809, in place of the Unix socket.
    ///   - prepare: called with the directory before the start.
    init(
        _ arguments: [String], tcp: String? = nil, prepare: (String) throws -> Void = { _ in }
    ) throws {
        let directory = "/tmp/nbd-" + String(UInt32.random(in: 0 ... .max), radix: 36)
        self.directory = directory
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        try prepare(directory)
        let place = tcp.map { ["-i", $0, "-p", "10809"] } ?? ["-U", directory + "/socket"]
        let words = arguments.map { $0.replacingOccurrences(of: "{dir}", with: directory) }
        child = try Child(
            ["nbdkit", "-f", "-P", directory + "/pid"] + place + words, errors: directory + "/log")
        let end = Date() + 10
        while !FileManager.default.fileExists(atPath: directory + "/pid") {
            try #require(child.isRunning && Date() < end, "nbdkit did not start: \(log)")
            usleep(5000)
        }
    }

    deinit {
        kill()
        try? FileManager.default.removeItem(atPath: directory)
    }

    var log: String { (try? String(contentsOfFile: directory + "/log", encoding: .utf8)) ?? "" }

    /// Ends the server as a power cut would.
    func kill() { child.kill() }

    /// An address of the loopback network that no other test uses.
    static func ownAddress() -> String {
        "127.\(Int.random(in: 1...250)).\(Int.random(in: 1...250)).\(Int.random(in: 1...250))"
    }

    /// Writes a file of pre-shared keys, and returns its path.
    static func writeKey(
        _ directory: String, user: String = "scout", byte: UInt8, name: String = "key"
    ) throws -> String {
        let path = "\(directory)/\(name)"
        let digits = String(repeating: String(format: "%02x", byte), count: 32)
        try "\(user):\(digits)\n".write(toFile: path, atomically: false, encoding: .utf8)
        chmod(path, 0o600)
        return path
    }

    /// A connected Unix socket to the server.
    func connectedSocket() throws -> CInt {
        let descriptor = Foundation.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        try #require(descriptor >= 0)
        try #require(withUnixAddress(socket) { connect(descriptor, $0, $1) } == 0)
        return descriptor
    }
}

/// A program that a test started; found and ended by its process number.
///
/// Not Foundation's `Process`: that learns of an end through a descriptor which programs started at the same time
/// inherit, and then waits for them as well.
final class Child {
    let pid: pid_t
    private var status: CInt?

    /// - Parameters:
    ///   - arguments: looked up in the administrators' `PATH`.
    ///   - output: a file for what it prints, and `errors` for what it says; nowhere by default.
    init(_ arguments: [String], output: String = "/dev/null", errors: String = "/dev/null") throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (descriptor, path) in [(CInt(1), output), (2, errors)] {
            posix_spawn_file_actions_addopen(&actions, descriptor, path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        }
        let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        let words = (["env", path] + arguments).map { strdup($0) }
        defer { words.forEach { free($0) } }
        var child: pid_t = 0
        let code = posix_spawn(&child, "/usr/bin/env", &actions, nil, words + [nil], [nil])
        try #require(code == 0)
        pid = child
    }

    deinit { kill() }

    var isRunning: Bool {
        if status == nil {
            var found: CInt = 0
            if waitpid(pid, &found, WNOHANG) == pid { status = found }
        }
        return status == nil
    }

    /// Ends it as a power cut would.
    func kill() {
        guard isRunning else { return }
        Foundation.kill(pid, SIGKILL)
        wait()
    }

    func wait() {
        guard status == nil else { return }
        var found: CInt = 0
        while waitpid(pid, &found, 0) == -1, errno == EINTR {}
        status = found
    }
}

/// A Unix socket that listens, and never answers.
final class SilentListener {
    let path = "/tmp/nbd-silent-" + String(UInt32.random(in: 0 ... .max), radix: 36)
    private let descriptor: CInt

    init() throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        try #require(withUnixAddress(path) { bind(descriptor, $0, $1) } == 0)
        try #require(listen(descriptor, 4) == 0)
    }

    deinit {
        close(descriptor)
        unlink(path)
    }
}

func withUnixAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt) -> CInt {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8).prefix($0.count - 1)) }
    return withUnsafePointer(to: address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
    }
}
