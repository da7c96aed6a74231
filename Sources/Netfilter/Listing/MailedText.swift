/// The lines of a text as they were before a mail program, an editor or a shell's window passed them on.
///
/// Undone is what leaves no doubt about what stood there: byte order marks, UTF-16, CRLF, `>` before quoted lines, spaces
/// that don't break. What can't be undone is refused.
enum MailedText {
    /// One line for whoever sent what can't be read.
    static let hint = "send what this prints, as plain text: iptables-save -c; ip6tables-save -c; nft -j list ruleset"
    private static let maximumLines = 1 << 20

    static func refusal(_ what: String) -> RuleError { RuleError(.malformed, what, hint: hint) }

    /// Splits a text into lines.
    ///
    /// - Throws: `RuleError` (`malformed`) where it is no text, or encoded in a way that hides the rules.
    static func lines(_ bytes: [UInt8]) throws(RuleError) -> [ArraySlice<UInt8>] {
        let text = spaced(try decoded(bytes))
        if text.contains(0) { throw refusal("the file is not text") }
        let lines = text.split(omittingEmptySubsequences: false) { $0 == 10 || $0 == 13 }
        if lines.count > maximumLines { throw refusal("the listing has more than \(maximumLines) lines") }
        return lines.map { unquoted($0) }
    }

    private static func decoded(_ bytes: [UInt8]) throws(RuleError) -> [UInt8] {
        switch bytes.prefix(2) {
        case [0xff, 0xfe], [0xfe, 0xff]:
            guard bytes.count.isMultiple(of: 2), Array(bytes.prefix(4)) != [0xff, 0xfe, 0, 0] else {
                throw refusal("the file is not text")
            }
            let low = bytes[0] == 0xff ? 0 : 1
            let units = stride(from: 2, to: bytes.count, by: 2).map {
                UInt16(bytes[$0 + low]) | UInt16(bytes[$0 + 1 - low]) << 8
            }
            return Array(String(decoding: units, as: UTF16.self).utf8)
        default: return bytes
        }
    }

    /// Writes a space for each that doesn't break (U+00A0, U+2007, U+202F), and nothing for those without width.
    private static func spaced(_ bytes: [UInt8]) -> [UInt8] {
        if !bytes.contains(where: { $0 == 0xc2 || $0 == 0xe2 || $0 == 0xef }) { return bytes }
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            let rest = bytes[index...].prefix(3)
            if rest.starts(with: [0xc2, 0xa0]) {
                text.append(32)
                index += 2
            } else if rest.elementsEqual([0xe2, 0x80, 0x87]) || rest.elementsEqual([0xe2, 0x80, 0xaf]) {
                text.append(32)
                index += 3
            } else if rest.elementsEqual([0xef, 0xbb, 0xbf]) || rest.elementsEqual([0xe2, 0x80, 0x8b]) {
                index += 3
            } else {
                text.append(bytes[index])
                index += 1
            }
        }
        return text
    }

    /// No line of a listing begins with `>`.
    private static func unquoted(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var line = line.drop { $0 == 32 || $0 == 9 }
        while line.first == UInt8(ascii: ">") { line = line.dropFirst().drop { $0 == 32 || $0 == 9 } }
        while let last = line.last, last == 32 || last == 9 { line = line.dropLast() }
        return line
    }
}
