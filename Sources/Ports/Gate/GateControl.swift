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
    /// - Throws: `ScoutError` (`cannotCreate`, `io`).
    static func listen(at name: String, in directory: PrivateDirectory) throws(ScoutError) -> CInt {
        try ScoutError.wrap(UnixSocket.listen(at: name, in: directory, isNonblocking: true))
    }

    /// Serves one caller of this user; one that says nothing is left after 500 ms.
    static func answer(on listener: CInt, _ reply: (Request) -> Data?) {
        guard let caller = try? UnixSocket.accept(listener) else { return }
        defer { close(caller) }
        UnixSocket.limit(caller, to: .milliseconds(500))
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
        guard let gate = try? UnixSocket.connect(to: name, in: directory, within: deadline) else { return nil }
        defer { close(gate.socket) }
        let sent = Array(request.rawValue.utf8).withUnsafeBytes { File.writeAll($0, to: gate.socket) }
        guard sent else { return nil }
        var answer = Data()
        var piece = [UInt8](repeating: 0, count: 16384)
        while answer.count < Self.limit {
            let left = end - .now
            guard left > .zero else { return nil }
            UnixSocket.limit(gate.socket, to: left)
            let count = read(gate.socket, &piece, piece.count)
            if count < 0 { return nil }
            if count == 0 { return Answer(data: answer, pid: gate.peer.process) }
            answer.append(contentsOf: piece[..<count])
        }
        return nil
    }
}
