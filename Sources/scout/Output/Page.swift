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
    ///   - forPeople: aligned, with a heading; otherwise tabs and no heading.
    init(_ table: Table, forPeople: Bool) {
        append(table, forPeople: forPeople)
    }

    mutating func append(_ line: String) {
        text += Visible.field(line) + "\n"
    }

    mutating func append(_ table: Table, forPeople: Bool) {
        text += table.text(forPeople: forPeople)
    }
}
