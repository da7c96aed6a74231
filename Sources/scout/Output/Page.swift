import Core

/// What a command prints as its result, line by line. Nothing that is put on it can begin a line or a column of its own.
struct Page: ExpressibleByArrayLiteral {
    /// The lines, each with its end.
    private(set) var text = ""

    /// - Parameter lines: in their order.
    init(_ lines: [String] = []) {
        for line in lines { append(line) }
    }

    init(arrayLiteral lines: String...) {
        self.init(lines)
    }

    /// - Parameters:
    ///   - table: rows that belong together.
    ///   - style: for whom.
    init(_ table: TextTable, style: TextStyle) {
        append(table, style: style)
    }

    mutating func append(_ line: String) {
        text += Visible.field(line) + "\n"
    }

    mutating func append(_ table: TextTable, style: TextStyle) {
        text += table.text(style: style)
    }
}
