import Core
import Glibc
import Platform
import Synchronization

/// The two streams that all text of a command leaves by: the result and the talk.
///
/// Whatever is printed may hold the words of others: names of devices, messages of servers, comments of rules. So each
/// line passes ``Visible/field(_:limit:)``, on a terminal or not, and JSON its own form of it. `exec` alone moves
/// bytes as they are, past this. May be used from any thread.
final class Console: Sendable {
    /// The process's own, but where a test has put another in its place for a task.
    @TaskLocal static var current = Console()

    private let output: CInt
    private let errors: CInt
    private let printed = Mutex(false)

    /// - Parameters:
    ///   - output: where the result goes; standard output by default.
    ///   - errors: where the talk goes; standard error by default.
    init(output: CInt = STDOUT_FILENO, errors: CInt = STDERR_FILENO) {
        self.output = output
        self.errors = errors
    }

    /// Whether a result has been printed: what follows it is talk, so that `--json` prints one object.
    var hasPrinted: Bool { printed.withLock { $0 } }
    /// For whom a result is written.
    var style: TextStyle { isatty(output) == 1 ? .human : .plain }
    /// Whether a person reads the talk.
    var talksToATerminal: Bool { isatty(errors) == 1 }

    // MARK: The result

    /// Prints a page.
    ///
    /// - Throws: `ScoutError` (`io`) where it can't be written.
    func print(_ page: Page) throws(ScoutError) { try printText(page.text) }

    /// Prints a JSON object.
    ///
    /// - Throws: `ScoutError` (`io`) where it can't be written.
    func printJSON(_ text: String) throws(ScoutError) {
        try printText(Visible.json(text.hasSuffix("\n") ? text : text + "\n"))
    }

    /// Prints the parser's text, such as a help page: its lines are its own.
    ///
    /// - Throws: `ScoutError` (`io`) where it can't be written.
    func printHelp(_ text: String) throws(ScoutError) { try printText(Self.filtered(text)) }

    /// Prints what a shell reads and nobody looks at: the tabs and line ends in it separate, and its words are quoted.
    ///
    /// - Throws: `ScoutError` (`io`) where it can't be written.
    func printForShell(_ text: String) throws(ScoutError) { try printText(text) }

    /// Paints a page over the last one: home, each line, the rest of that line cleared, then all below: no flicker.
    ///
    /// - Throws: `ScoutError` (`io`) where it can't be written.
    func paint(_ page: Page) throws(ScoutError) {
        try printText("\u{1B}[H" + page.text.replacing("\n", with: "\u{1B}[K\n") + "\u{1B}[J")
    }

    /// Prints a line end before the result.
    ///
    /// - Returns: whether there may be another: the result has not been printed yet, and the line end could be.
    func printWhiteSpace() -> Bool {
        // Under the lock, so that none gets into the result.
        printed.withLock { printed in
            !printed && [UInt8(ascii: "\n")].withUnsafeBytes { File.writeAll($0, to: output) }
        }
    }

    /// Closes the result's stream, as some file systems tell only then that they have no room.
    ///
    /// - Throws: `ScoutError` (`io`) where what was printed before is lost.
    func finish() throws(ScoutError) {
        guard close(output) != 0, errno != EBADF else { return }
        throw Self.lost(errno)
    }

    private func printText(_ text: String) throws(ScoutError) {
        guard !text.isEmpty else { return }
        printed.withLock { $0 = true }
        guard Array(text.utf8).withUnsafeBytes({ File.writeAll($0, to: output) }) else { throw Self.lost(errno) }
    }

    private static func lost(_ code: CInt) -> ScoutError {
        ScoutError(.io, "the result can't be written to standard output: \(String(cString: strerror(code)))")
    }

    // MARK: The talk

    /// Prints one line.
    func talk(_ line: String) { write(Visible.field(line) + "\n") }

    /// Prints an error and its hint, a line each.
    func complain(_ error: ScoutError) {
        talk("scout: \(error.message)")
        if let hint = error.hint { talk("hint: \(hint)") }
    }

    /// Prints the parser's complaint: its lines are its own.
    func complain(_ text: String) { write(Self.filtered(text)) }

    /// Paints over the terminal's line.
    func paint(_ line: String) { write("\r\u{1B}[K" + Visible.field(line)) }

    private func write(_ text: String) {
        // There is nowhere else to say that stderr is gone, and what the command does or has done stays what it is.
        if !Array(text.utf8).withUnsafeBytes({ File.writeAll($0, to: errors) }) { return }
    }

    private static func filtered(_ text: String) -> String {
        Page(text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)).text
    }
}
