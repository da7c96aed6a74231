import Core

/// Rows in columns: aligned with a heading for people, separated by tabs for programs.
struct TextTable {
    /// The heading of each column.
    let columns: [String]
    /// The rows, each with a cell per column.
    var rows: [[String]] = []

    /// - Parameter columns: the heading of each column.
    init(_ columns: String...) {
        self.columns = columns
    }

    /// The lines, in whose cells nothing can begin a line or a column of its own.
    ///
    /// - Parameter style: for whom.
    func text(style: TextStyle) -> String {
        let rows = rows.map { $0.map { Visible.field($0) } }
        guard style == .human else { return rows.map { $0.joined(separator: "\t") + "\n" }.joined() }
        let all = [columns] + rows
        let widths = columns.indices.map { column in all.map { $0[column].width }.max() ?? 0 }
        return all.map { row in
            let cells = zip(row, widths).map { cell, width in cell.padding(to: width) }
            return String(cells.joined(separator: "  ").reversed().drop { $0 == " " }.reversed()) + "\n"
        }.joined()
    }
}

extension String {
    /// The text, with spaces up to a width.
    func padding(to width: Int) -> String {
        self + String(repeating: " ", count: max(width - self.width, 0))
    }

    /// How many columns of a terminal it takes.
    var width: Int { unicodeScalars.reduce(0) { $0 + $1.width } }
}

extension Unicode.Scalar {
    /// Blocks whose characters are all wide, or not assigned yet (Unicode Standard Annex 11, W and F).
    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115f, 0x2329...0x232a, 0x2e80...0x303e, 0x3041...0xa4cf, 0xa960...0xa97f, 0xac00...0xd7a3,
        0xf900...0xfaff, 0xfe10...0xfe1f, 0xfe30...0xfe6f, 0xff01...0xff60, 0xffe0...0xffe6, 0x16fe0...0x1b2ff,
        0x1f200...0x1f320, 0x20000...0x3fffd,
    ]
    /// Vowels and finals of Hangul, which join the consonant before them.
    private static let joining: [ClosedRange<UInt32>] = [0x1160...0x11ff, 0xd7b0...0xd7ff]

    /// As glibc's `wcwidth` has it, which Swift does not import and which would depend on the user's `LANG`: nothing for
    /// a mark that combines, two for the wide characters of East Asia and for emoji, one for all else.
    fileprivate var width: Int {
        if value < 0x300 { return 1 }
        let category = properties.generalCategory
        if category == .nonspacingMark || category == .enclosingMark || Self.joining.contains(where: { $0 ~= value }) {
            return 0
        }
        // Two regional indicators make one flag.
        let isEmoji = properties.isEmojiPresentation && !(0x1f1e6...0x1f1ff).contains(value)
        return isEmoji || Self.wide.contains { $0 ~= value } ? 2 : 1
    }
}
