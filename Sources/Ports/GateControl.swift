import Core
import FoundationEssentials
import Glibc

/// The word between a gate and those who ask it: one line over a Unix socket in a private directory, one answer.
enum GateControl {
    /// What a gate can be asked.
    enum Request: String {
        case status
        case release
    }

    /// Opens the gate's end.
    ///
    /// - Throws: `ScoutError` (`cannotCreate`), for a path that is too long (107 bytes), too.
    static func listen(at path: String) throws(ScoutError) -> CInt {
        unlink(path)
        let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let bound = try UnixAddress.lend(path) { bind(descriptor, $0, $1) }
        guard bound == 0, Glibc.listen(descriptor, 16) == 0 else {
            throw ScoutError(.cannotCreate, "\(path): \(String(cString: strerror(errno)))")
        }
        return descriptor
    }

    /// Serves one caller; one that says nothing is left after 500 ms.
    static func answer(on listener: CInt, _ reply: (Request) -> Data?) {
        let caller = accept(listener, nil, nil)
        guard caller >= 0 else { return }
        defer { close(caller) }
        limit(caller, to: .milliseconds(500))
        var line = [UInt8](repeating: 0, count: 32)
        let count = read(caller, &line, line.count)
        let word = String(decoding: line.prefix(max(count, 0)), as: UTF8.self)
        guard let request = Request(rawValue: word), let data = reply(request) else { return }
        _ = Array(data).withUnsafeBytes { File.writeAll($0, to: caller) }
    }

    /// Asks a gate.
    ///
    /// - Returns: its answer; `nil` where nobody answers within the deadline.
    static func ask(_ request: Request, at path: String, deadline: Duration) -> Data? {
        let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        limit(descriptor, to: deadline)
        guard let connected = try? UnixAddress.lend(path, { connect(descriptor, $0, $1) }), connected == 0 else {
            return nil
        }
        let sent = Array(request.rawValue.utf8).withUnsafeBytes { File.writeAll($0, to: descriptor) }
        guard sent else { return nil }
        var answer = Data()
        var piece = [UInt8](repeating: 0, count: 16384)
        while true {
            let count = read(descriptor, &piece, piece.count)
            if count < 0 { return nil }
            if count == 0 { return answer }
            answer.append(contentsOf: piece[..<count])
        }
    }

    private static func limit(_ descriptor: CInt, to duration: Duration) {
        let parts = duration.components
        var value = timeval(tv_sec: Int(parts.seconds), tv_usec: Int(parts.attoseconds / 1_000_000_000_000))
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &value, socklen_t(MemoryLayout<timeval>.size))
        }
    }
}
