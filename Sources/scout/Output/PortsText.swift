import Core
import Platform

extension PortsReport {
    /// A row for each reserved port.
    func page(style: TextStyle) -> Page {
        var table = TextTable("PORT", "STATE", "NAME", "SOURCE", "ALLOWED", "CLIENTS", "SENT")
        table.rows = ports.map { row in
            guard let lease = row.lease else {
                let holder = row.process.map { "\($0.name) (pid \($0.pid))" }
                return ["\(row.port)", row.state.rawValue, holder ?? "-", "-", "-", "-", "-"]
            }
            let allowed = lease.service.allow.map(\.description).joined(separator: ",")
            let clients = lease.traffic?.clients.map(\.address).joined(separator: ",") ?? "?"
            let sent = lease.traffic.map { Quantity.size(Int64(clamping: $0.bytesSent), style: style) }
            return [
                "\(row.port)", row.state.rawValue, lease.service.name, lease.service.source,
                allowed.isEmpty ? "-" : allowed, clients.isEmpty ? "-" : clients, sent ?? "?",
            ]
        }
        return Page(table, style: style)
    }
}
