import Core
import Glibc
import Testing

@testable import scout

@Suite struct TextTableTests {
    @Test func wideCharactersKeepColumnsAligned() {
        var table = TextTable("NAME", "SIZE")
        table.rows = [["日本語", "1"], ["e\u{301}te\u{301}", "2"], ["🙂", "3"], ["\u{1B}", "4"], ["한국", "5"]]
        let text = table.text(style: .human)
        #expect(
            text == """
                NAME    SIZE
                日本語  1
                e\u{301}te\u{301}     2
                🙂      3
                \\u{1B}  4
                한국    5

                """)
    }

    /// Every character against glibc's table; the two may be of different versions of Unicode.
    @Test func widthsAreThoseOfTheTerminal() throws {
        let symbol = try #require(dlsym(nil, "wcwidth"))
        let wcwidth = unsafeBitCast(symbol, to: (@convention(c) (wchar_t) -> CInt).self)
        let own = uselocale(newlocale(LC_CTYPE_MASK, "C.UTF-8", nil))
        defer { uselocale(own) }
        var differing: [String] = []
        for value in UInt32(0x20)...0x3ffff {
            guard let scalar = Unicode.Scalar(value), Visible.isClean(String(scalar)) else { continue }
            let expected = wcwidth(wchar_t(value))
            if expected >= 0, Int(expected) != String(scalar).width { differing.append(String(value, radix: 16)) }
        }
        #expect(differing.count < 20, "\(differing)")
    }

    @Test func forProgramsThereAreTabsAndNoHeading() {
        var table = TextTable("NAME", "SIZE")
        table.rows = [["a\tb", "1"], ["c\nd", "-"]]
        #expect(table.text(style: .plain) == "a\\u{9}b\t1\nc\\u{A}d\t-\n")
    }
}
