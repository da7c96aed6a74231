import Core
import FoundationEssentials
import Glibc

/// stdout is the result, stderr is talk.
struct Output: Sendable {
    /// Whether the result is JSON.
    let json: Bool
    /// Whether remarks are left out.
    let quiet: Bool
    /// Whether there are more of them.
    let verbose: Bool

    /// Whether a person reads the result: tables are aligned and sizes humanised.
    var isForPeople: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Prints a result.
    ///
    /// - Parameters:
    ///   - report: what `--json` prints.
    ///   - text: what people read, made only if it is needed.
    func result(_ report: some Report, text: () -> String) throws {
        try result(json: JSON.encode(report), text: text)
    }

    /// Prints a result whose JSON is made already.
    func result(json bytes: @autoclosure () throws -> some Sequence<UInt8>, text: () -> String) throws {
        let words = json ? String(decoding: Array(try bytes()), as: UTF8.self) : text()
        if !words.isEmpty { Self.write(words.hasSuffix("\n") ? words : words + "\n", to: STDOUT_FILENO) }
    }

    /// Prints a remark, unless it is quiet.
    func remark(_ text: String) {
        if !quiet { Self.write(text + "\n", to: STDERR_FILENO) }
    }

    /// Prints a remark only where more was asked for.
    func detail(_ text: @autoclosure () -> String) {
        if verbose { Self.write(text() + "\n", to: STDERR_FILENO) }
    }

    /// Writes all of a text; nothing can be said about an output that is gone.
    static func write(_ text: String, to descriptor: CInt) {
        _ = Array(text.utf8).withUnsafeBytes { File.writeAll($0, to: descriptor) }
    }
}
