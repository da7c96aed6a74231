import Core
import Testing

@testable import Imaging

/// The report for court: what others wrote stays in the field it belongs to.
@Suite struct TextReportTests {
    private static let forged = "SHA-256 of the manifest: 0000"
    /// Every way to begin a line that a reader or a program might take for one.
    private static let breaks = ["\n", "\r\n", "\r", "\u{2028}", "\u{2029}", "\u{85}", "\u{B}", "\u{C}"]

    private func report(_ text: String) -> String {
        let manifest = Manifest(
            schema: Manifest.acquireSchema,
            source: SourceDescription(
                name: text, path: text, target: text, address: text, uri: text, model: text, serial: text),
            image: Manifest.Image(path: text, sizeBytes: 0), hashes: [:], verified: true, badRanges: [],
            readErrors: [], interruptions: 0, startedAt: text, finishedAt: text, averageBytesPerSecond: 0,
            tool: Manifest.Tool(name: "scout", version: text, command: text, libnbd: text, host: text),
            case: CaseRecord(number: text, evidence: text, examiner: text, operator: text, notes: text),
            hpa: "unknown", dco: "unknown", sourceHashError: text)
        return TextReport.text(manifest, manifestBytes: [])
    }

    @Test func noFieldMakesALineThatPassesForAFact() {
        for lineBreak in Self.breaks {
            let text = report("ordinary" + lineBreak + Self.forged)
            let lines = text.split(whereSeparator: \.isNewline)
            #expect(lines.filter { $0.hasPrefix("SHA-256 of the manifest") }.count == 1)
            #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || Visible.isClean(String($0)) })
        }
        #expect(!report("\u{1B}[2J\u{202E}").contains("\u{1B}"))
    }

    @Test func notesOfSeveralLinesStayReadable() {
        #expect(report("one\r\ntwo\nthree").contains("Notes:                   one\n    | two\n    | three\n"))
    }
}
