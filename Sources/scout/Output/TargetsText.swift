import Core
import Platform

extension TargetsReport {
    /// A row for each target; a star marks the default.
    func page(style: TextStyle) -> Page {
        var table = TextTable("", "NAME", "ADDRESS", "IDENTITY", "TOPOLOGY")
        table.rows = targets.map {
            [$0.isDefault ? "*" : "", $0.name, $0.address, $0.identity ?? "-", $0.topology ?? "-"]
        }
        return Page(table, style: style)
    }
}
