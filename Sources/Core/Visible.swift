/// Texts of others (names of devices and processes, messages of servers, comments in files) made harmless to look at.
///
/// What a terminal would obey, what reorders or hides the text around it, and what begins a new line is written out by
/// its number, as in `\u{1B}`: C0 and C1 controls, DEL, everything of the categories Cf, Zl and Zp (among them the
/// bidirectional and zero-width characters, the byte order mark and the tags), and whatever else Unicode has to be
/// ignored where it isn't understood, but for the sixteen variation selectors of emoji. Bytes that are no UTF-8 are
/// U+FFFD by the time they are a `String`. A backslash stays a backslash: this is for reading, not for reading back.
public enum Visible {
    /// A text that stays on its line: line breaks and tabs are written out, too.
    ///
    /// - Parameters:
    ///   - text: anything.
    ///   - limit: how many Unicode scalars are kept; the rest becomes `…`.
    public static func field(_ text: String, limit: Int = .max) -> String {
        let kept = text.unicodeScalars.prefix(limit)
        let shown = mapped(kept, where: mustShow, to: written)
        return kept.endIndex == text.unicodeScalars.endIndex ? shown : shown + "…"
    }

    /// A text of several lines in a report of fields: lines but the first begin with a mark, so that none can pass for
    /// a field of its own.
    ///
    /// - Parameters:
    ///   - text: anything; `\n` and `\r\n` end a line, nothing else does.
    ///   - mark: what each line but the first begins with.
    public static func lines(_ text: String, mark: String) -> String {
        text.replacing("\r\n", with: "\n").split(separator: "\n", omittingEmptySubsequences: false)
            .map { field(String($0)) }.joined(separator: "\n" + mark)
    }

    /// A JSON text in which the same characters are escaped as JSON does it, `\u001b`. It means the same as before.
    ///
    /// - Parameter text: valid JSON, in which they can stand in strings only, and line feeds between values only.
    public static func json(_ text: String) -> String {
        mapped(text.unicodeScalars, where: { mustShow($0) && $0 != "\n" }, to: escaped)
    }

    /// Whether nothing in a text has to be written out.
    public static func isClean(_ text: String) -> Bool { !text.unicodeScalars.contains(where: mustShow) }

    private static func mustShow(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x7f { return scalar.value < 0x20 }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: return true
        default: return scalar.properties.isDefaultIgnorableCodePoint && !(0xfe00...0xfe0f).contains(scalar.value)
        }
    }

    private static func written(_ scalar: Unicode.Scalar) -> String {
        "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        String(scalar).utf16.map { unit in
            let digits = String(unit, radix: 16)
            return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }.joined()
    }

    /// On scalars: CR and LF are one `Character`, and a mark behind a control is one with it.
    private static func mapped(
        _ text: some Collection<Unicode.Scalar>, where isMeant: (Unicode.Scalar) -> Bool,
        to replacement: (Unicode.Scalar) -> String
    ) -> String {
        guard text.contains(where: isMeant) else { return String(String.UnicodeScalarView(text)) }
        var result = String.UnicodeScalarView()
        for scalar in text {
            if isMeant(scalar) { result += replacement(scalar).unicodeScalars } else { result.append(scalar) }
        }
        return String(result)
    }
}
