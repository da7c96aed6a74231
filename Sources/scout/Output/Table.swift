/// Rows in columns: aligned with a heading for people, separated by tabs for programs.
struct Table {
    /// The heading of each column.
    let columns: [String]
    /// The rows, each with a cell per column.
    var rows: [[String]] = []

    /// - Parameter columns: the heading of each column.
    init(_ columns: String...) {
        self.columns = columns
    }

    /// - Parameter forPeople: aligned, with a heading; otherwise tabs and no heading.
    func text(forPeople: Bool) -> String {
        guard forPeople else { return rows.map { $0.joined(separator: "\t") + "\n" }.joined() }
        let all = [columns] + rows
        let widths = columns.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            let cells = zip(row, widths).map { cell, width in cell.padding(to: width) }
            return String(cells.joined(separator: "  ").reversed().drop { $0 == " " }.reversed()) + "\n"
        }.joined()
    }
}

extension String {
    /// The text, with spaces up to a width.
    func padding(to width: Int) -> String {
        self + String(repeating: " ", count: max(width - count, 0))
    }
}
