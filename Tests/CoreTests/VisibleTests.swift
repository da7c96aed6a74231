import Core
import FoundationEssentials
import Testing

/// What others write reaches no terminal as it is.
@Suite struct VisibleTests {
    /// Every kind that must not pass, one of each at least.
    private static let unclean: [Unicode.Scalar] = [
        "\u{0}", "\u{7}", "\u{8}", "\t", "\n", "\u{B}", "\u{C}", "\r", "\u{1B}", "\u{1F}", "\u{7F}", "\u{80}", "\u{85}",
        "\u{9B}", "\u{9F}", "\u{AD}", "\u{61C}", "\u{180E}", "\u{200B}", "\u{200C}", "\u{200D}", "\u{200E}", "\u{200F}",
        "\u{2028}", "\u{2029}", "\u{202A}", "\u{202B}", "\u{202C}", "\u{202D}", "\u{202E}", "\u{2060}", "\u{2066}",
        "\u{2067}", "\u{2068}", "\u{2069}", "\u{3164}", "\u{FEFF}", "\u{FFA0}", "\u{FFF9}", "\u{E0001}", "\u{E0041}",
        "\u{E0100}", "\u{1D173}",
    ]

    @Test func whatATerminalObeysIsWrittenOutByItsNumber() {
        #expect(Visible.field("\u{1B}]0;owned\u{7}\u{1B}[2Jboo") == "\\u{1B}]0;owned\\u{7}\\u{1B}[2Jboo")
        for scalar in Self.unclean {
            let number = String(scalar.value, radix: 16, uppercase: true)
            // A mark behind it makes one character of the two, and CR LF are one already.
            for tail in ["", "x", "\u{301}", "\n"] {
                let shown = Visible.field("a" + String(scalar) + tail)
                #expect(shown == "a\\u{\(number)}" + (tail == "\n" ? "\\u{A}" : tail))
                #expect(Visible.isClean(shown) && !Visible.isClean("a" + String(scalar) + tail))
            }
        }
    }

    @Test(arguments: [
        "evidence0", "Vidéo d’été", "e\u{301}", "日本語 ディスク", "Привет", "שלום", "مرحبا", "🙂☺\u{FE0F}", "a b", "\\u{1B}",
        "$(touch x)", "\u{FFFD}", "",
    ])
    func whatPeopleWriteStays(text: String) {
        #expect(Visible.field(text) == text)
        #expect(Visible.isClean(text))
    }

    @Test func bytesThatAreNoTextAreShownAsSuch() {
        #expect(
            Visible.field(String(decoding: [0x61, 0xff, 0x9b, 0x62] as [UInt8], as: UTF8.self)) == "a\u{FFFD}\u{FFFD}b")
    }

    @Test func linesOfATextCannotPassForFields() {
        let notes = "first\r\nSHA-256: 1\nSHA-256: 2\rSHA-256: 3\u{2028}SHA-256: 4\u{85}SHA-256: 5"
        let shown = Visible.lines(notes, mark: "  | ")
        #expect(
            shown == "first\n  | SHA-256: 1\n  | SHA-256: 2\\u{D}SHA-256: 3\\u{2028}SHA-256: 4\\u{85}SHA-256: 5")
        #expect(shown.split(whereSeparator: \.isNewline).dropFirst().allSatisfy { $0.hasPrefix("  | ") })
    }

    @Test func aLongTextIsCutWhateverItsCharactersAre() {
        #expect(Visible.field("abcdef", limit: 6) == "abcdef")
        #expect(Visible.field("abcdefg", limit: 6) == "abcdef…")
        // One character, a million scalars.
        let tower = "a" + String(repeating: "\u{301}", count: 1_000_000)
        #expect(Visible.field(tower, limit: 10).unicodeScalars.count == 11)
    }

    @Test func jsonKeepsItsMeaningWithoutThem() throws {
        struct Shape: Codable, Equatable { var text: String }
        let shape = Shape(text: "ok" + String(String.UnicodeScalarView(Self.unclean)) + "日本\"\\")
        let encoder = JSON.encoder()
        let text = Visible.json(String(decoding: try encoder.encode(shape), as: UTF8.self))
        #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || Visible.isClean(String($0)) })
        #expect(text.contains("\\u202e") && text.contains("\\udb40\\udc01") && text.contains("日本"))
        #expect(try JSON.decoder().decode(Shape.self, from: Data(text.utf8)) == shape)
    }
}
