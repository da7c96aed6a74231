public import Core
import Glibc
import Platform
public import SSH
import Synchronization

/// People answer one question at a time.
private let oneQuestion = Mutex(())

/// The terminal that a person sits at, whatever standard input and output are.
public struct Terminal: Prompter {
    /// The terminal's device.
    public let path: String

    /// - Parameter path: the device; `/dev/tty`, the terminal of this process, by default.
    public init(path: String = "/dev/tty") {
        self.path = path
    }

    /// Whether there is one: a service or a job of cron has none.
    public var isPresent: Bool {
        let descriptor = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return isatty(descriptor) == 1
    }

    /// Shows a text and reads a line.
    ///
    /// - Parameters:
    ///   - text: shown as ``Visible`` has it, with its lines: it may come from a server nobody trusts yet.
    ///   - echo: whether the answer is to be seen. Restored also when a signal ends the process meanwhile.
    /// - Returns: the line without its end; `nil` where there is no terminal or the line is the end of file.
    /// - Throws: `ScoutError` (`interrupted`) on Control-C.
    public func ask(_ text: String, echo: Bool) async throws(ScoutError) -> String? {
        let path = path
        return try await Thread.blocking { oneQuestion.withLock { _ in Self.ask(text, echo: echo, path: path) } }.get()
    }

    /// See ``ask(_:echo:)``.
    public func answer(_ question: Question) async throws -> String? {
        try await ask(question.text, echo: question.isAnswerShown)
    }

    private static func ask(_ text: String, echo: Bool, path: String) -> Result<String?, ScoutError> {
        let descriptor = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard descriptor >= 0 else { return .success(nil) }
        defer { close(descriptor) }
        guard
            let mode = TerminalMode(
                descriptor,
                change: { attributes in
                    // Control-C comes as a byte, so that it can't end the process before the echo is back.
                    attributes.c_lflag &= ~tcflag_t(ISIG)
                    attributes.c_lflag |= tcflag_t(ICANON)
                    if !echo { attributes.c_lflag &= ~tcflag_t(ECHO) }
                    // It also has to end the line, or it would wait for Return.
                    withUnsafeMutableBytes(of: &attributes.c_cc) { $0[Int(VEOL)] = controlC }
                })
        else { return .success(nil) }
        defer { mode.restore() }

        write(descriptor, Visible.lines(text, mark: ""))
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while true {
            let count = read(descriptor, &byte, 1)
            if count < 0, errno == EINTR { continue }
            if count <= 0 || byte == UInt8(ascii: "\n") || byte == controlC { break }
            line.append(byte)
        }
        if !echo || byte == controlC { write(descriptor, "\n") }
        if byte == controlC { return .failure(ScoutError(.interrupted, "interrupted")) }
        if line.isEmpty, byte != UInt8(ascii: "\n") { return .success(nil) }
        return .success(String(decoding: line, as: UTF8.self))
    }

    private static var controlC: UInt8 { 3 }

    private static func write(_ descriptor: CInt, _ text: String) {
        // A terminal that takes no text gives no answer either, which the read after it tells.
        if !Array(text.utf8).withUnsafeBytes({ File.writeAll($0, to: descriptor) }) { return }
    }
}
