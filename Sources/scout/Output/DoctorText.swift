import Diagnostics

extension DoctorReport {
    /// A row for each hop, the verdict, the next step.
    ///
    /// - Parameter style: human is aligned, with a heading; otherwise tabs.
    func page(style: TextStyle) -> Page {
        var table = TextTable("HOP", "", "SECONDS", "DETAIL")
        table.rows = hops.map { hop in
            let isReached = hop.detail != Hop.notReached
            let mark = hop.ok.map { $0 ? "ok" : "FAILS" } ?? (isReached ? "not known" : "-")
            return [hop.id.rawValue, mark, isReached ? Quantity.tenths(hop.elapsedSeconds) : "-", hop.detail]
        }
        var page = Page(table, style: style)
        if style == .human { page.append("") }
        page.append(verdict)
        if !advice.isEmpty { page.append("next: \(advice)") }
        return page
    }
}
