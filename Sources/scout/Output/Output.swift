import Core
import FoundationEssentials
import Glibc
import Platform
import Synchronization

/// stdout is the result, stderr is talk; and the one door that text leaves by.
///
/// Whatever is printed may hold the words of others: names of devices, messages of servers, comments of rules. So each
/// line passes ``Visible/field(_:limit:)``, on a terminal or not, and JSON its own form of it. `exec` alone moves
/// bytes as they are, past this.
struct Output: Sendable {
    /// Whether the result is JSON.
    let json: Bool
    /// Whether remarks are left out.
    let quiet: Bool
    /// Whether there are more of them.
    let verbose: Bool

    /// Whether a result has been printed: what follows it is talk, so that `--json` prints one object.
    static var hasPrinted: Bool { printed.withLock { $0 } }
    private static let printed = Mutex(false)

    /// Whether a person reads the result: tables are aligned and sizes humanised.
    var isForPeople: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Prints a result.
    ///
    /// - Parameters:
    ///   - report: what `--json` prints.
    ///   - page: what people read, made only if it is needed.
    /// - Throws: `ScoutError` (`io`) where it can't be written.
    func result(_ report: some Report, page: () -> Page) throws {
        try result(json: JSON.encode(report), page: page)
    }

    /// Prints a result whose JSON is made already.
    func result(json bytes: @autoclosure () throws -> some Sequence<UInt8>, page: () -> Page) throws {
        if json { return try Self.printJSON(String(decoding: Array(try bytes()), as: UTF8.self)) }
        try Self.printResult(page().text)
    }

    /// Prints a remark, unless it is quiet.
    func remark(_ line: String) {
        if !quiet { Self.talk(line) }
    }

    /// Prints a remark only where more was asked for.
    func detail(_ line: @autoclosure () -> String) {
        if verbose { Self.talk(line()) }
    }

    /// Prints a line end before the result.
    ///
    /// - Returns: whether there may be another: the result has not been printed yet, and the line end could be.
    static func printWhiteSpace() -> Bool {
        // Under the lock, so that none gets into the result.
        printed.withLock { printed in
            !printed && [UInt8(ascii: "\n")].withUnsafeBytes { File.writeAll($0, to: STDOUT_FILENO) }
        }
    }

    // MARK: For those who end without an output of their own

    /// Prints a JSON object, as the result.
    ///
    /// - Throws: `ScoutError` (`io`) where it can't be written.
    static func printJSON(_ text: String) throws(ScoutError) {
        try printResult(Visible.json(text.hasSuffix("\n") ? text : text + "\n"))
    }

    /// Prints the parser's words, such as a help text: its lines are its own.
    ///
    /// - Throws: `ScoutError` (`io`) where it can't be written.
    static func printHelp(_ text: String) throws(ScoutError) {
        try printResult(filtered(text))
    }

    /// Prints what a shell reads and nobody looks at: the tabs and line ends in it separate, and its words are quoted.
    ///
    /// - Throws: `ScoutError` (`io`) where it can't be written.
    static func printForShell(_ text: String) throws(ScoutError) {
        try printResult(text)
    }

    /// Prints one line on stderr.
    static func talk(_ line: String) { write(Visible.field(line) + "\n", toErrors: ()) }

    /// Prints the parser's words on stderr.
    static func complain(_ text: String) { write(filtered(text), toErrors: ()) }

    /// Paints over the terminal's line on stderr.
    static func paint(_ line: String) { write("\r\u{1B}[K" + Visible.field(line), toErrors: ()) }

    /// Paints a result over the last one: home, each line, the rest of that line cleared, then all below: no flicker.
    static func paintResult(_ page: Page) throws(ScoutError) {
        try printResult("\u{1B}[H" + page.text.replacing("\n", with: "\u{1B}[K\n") + "\u{1B}[J")
    }

    private static func filtered(_ text: String) -> String {
        Page(text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)).text
    }

    private static func printResult(_ text: String) throws(ScoutError) {
        guard !text.isEmpty else { return }
        printed.withLock { $0 = true }
        guard Array(text.utf8).withUnsafeBytes({ File.writeAll($0, to: STDOUT_FILENO) }) else {
            throw lost(errno)
        }
    }

    /// Closes stdout, as some file systems tell only then that they have no room.
    ///
    /// - Throws: `ScoutError` (`io`) where what was printed before is lost.
    static func finish() throws(ScoutError) {
        guard close(STDOUT_FILENO) != 0, errno != EBADF else { return }
        throw lost(errno)
    }

    private static func lost(_ code: CInt) -> ScoutError {
        ScoutError(.io, "the result can't be written to standard output: \(String(cString: strerror(code)))")
    }

    private static func write(_ text: String, toErrors: Void) {
        // There is nowhere else to say that stderr is gone, and what the command does or has done stays what it is.
        if !Array(text.utf8).withUnsafeBytes({ File.writeAll($0, to: STDERR_FILENO) }) { return }
    }
}
