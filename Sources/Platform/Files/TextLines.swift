/// Text, line by line: a line ends with LF or with CRLF, and the last one with either or with nothing.
public enum TextLines {
    /// The lines of a text without their ends. What is behind the last end is a line if it isn't empty.
    ///
    /// A `Character` of Swift's is CR and LF together, so that a split at `"\n"` finds no line end in a text of CRLF.
    public static func of(_ text: String) -> [String] {
        var lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            String(line.last == "\r" ? line.dropLast() : line)
        }
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }

    /// As ``of(_:)``, of bytes in UTF-8; what is none becomes U+FFFD.
    public static func of(_ bytes: some Sequence<UInt8>) -> [String] {
        of(String(decoding: Array(bytes), as: UTF8.self))
    }
}
