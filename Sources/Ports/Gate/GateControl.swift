import Core
import FoundationEssentials
import Glibc
import Platform

/// The word between a gate and those who ask it: one line over a Unix socket in a private directory, one answer.
enum GateControl {
    /// What a gate can be asked.
    enum Request: String {
        case status
        case release
    }

    /// An answer, and who gave it.
    struct Answer {
        let data: Data
        /// The process that listens, after the kernel (`SO_PEERCRED`, unix(7)).
        let pid: pid_t
    }

    /// Longer than any answer of a gate.
    private static let limit = 1 << 20

    /// Opens the gate's end.
    ///
    /// - Throws: `ScoutError` (`cannotCreate`).
    static func listen(at name: String, in directory: PrivateDirectory) throws(ScoutError) -> CInt {
        directory.remove(name)
        let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw ScoutError(.failed, "no socket: \(String(cString: strerror(errno)))") }
        let bound = try ScoutError.wrap(
            UnixAddress.withSocketAddress(directory.reach(name)) { bind(descriptor, $0, $1) })
        guard bound == 0, Glibc.listen(descriptor, 16) == 0 else {
            let reason = String(cString: strerror(errno))
            close(descriptor)
            throw ScoutError(.cannotCreate, "\(directory.path)/\(name): \(reason)")
        }
        return descriptor
    }

    /// Serves one caller of this user; one that says nothing is left after 500 ms.
    static func answer(on listener: CInt, _ reply: (Request) -> Data?) {
        let caller = accept(listener, nil, nil)
        guard caller >= 0 else { return }
        defer { close(caller) }
        guard let peer = peer(of: caller), peer.user == geteuid() || peer.user == 0 else { return }
        // Can't fail on a descriptor that is open.
        _ = fcntl(caller, F_SETFD, FD_CLOEXEC)
        limit(caller, to: .milliseconds(500))
        var line = [UInt8](repeating: 0, count: 32)
        let count = read(caller, &line, line.count)
        let word = String(decoding: line.prefix(max(count, 0)), as: UTF8.self)
        guard let request = Request(rawValue: word), let data = reply(request) else { return }
        // A caller that does not take its answer has given it up.
        _ = Array(data).withUnsafeBytes { File.writeAll($0, to: caller) }
    }

    /// Asks a gate.
    ///
    /// - Returns: its answer; `nil` where nobody of this user answers within the deadline.
    static func ask(
        _ request: Request, at name: String, in directory: PrivateDirectory, deadline: Duration
    ) -> Answer? {
        let end = ContinuousClock.now + deadline
        let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        limit(descriptor, to: deadline)
        guard
            let connected = try? UnixAddress.withSocketAddress(directory.reach(name), { connect(descriptor, $0, $1) }),
            connected == 0, let peer = peer(of: descriptor), peer.user == geteuid()
        else { return nil }
        let sent = Array(request.rawValue.utf8).withUnsafeBytes { File.writeAll($0, to: descriptor) }
        guard sent else { return nil }
        var answer = Data()
        var piece = [UInt8](repeating: 0, count: 16384)
        while answer.count < Self.limit {
            let left = end - .now
            guard left > .zero else { return nil }
            limit(descriptor, to: left)
            let count = read(descriptor, &piece, piece.count)
            if count < 0 { return nil }
            if count == 0 { return Answer(data: answer, pid: peer.process) }
            answer.append(contentsOf: piece[..<count])
        }
        return nil
    }

    /// Who is at the other end. `struct ucred` of the C library is three 32-bit numbers, which Swift doesn't show.
    private static func peer(of socket: CInt) -> (process: pid_t, user: uid_t)? {
        var numbers: [UInt32] = [0, 0, 0]
        var size = socklen_t(12)
        guard getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &numbers, &size) == 0, size == 12 else { return nil }
        return (pid_t(truncatingIfNeeded: numbers[0]), numbers[1])
    }

    private static func limit(_ descriptor: CInt, to duration: Duration) {
        let parts = duration.components
        // Zero would mean no limit at all.
        let microseconds = max(Int(parts.attoseconds / 1_000_000_000_000), parts.seconds == 0 ? 1 : 0)
        var value = timeval(tv_sec: Int(parts.seconds), tv_usec: microseconds)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &value, socklen_t(MemoryLayout<timeval>.size))
        }
    }
}
