import ArgumentParser
import Core
import Platform

/// `scout ports`: the reserved ports and what holds them.
struct PortsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ports", abstract: "Show the reserved ports: what is served, to whom, how much.")
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let invocation = try Invocation(global)
        let report = try await invocation.withContainer { try await $0.ports() }
        Candidates.remember(report, invocation)
        let forPeople = invocation.output.isForPeople
        try invocation.output.result(report) { Self.page(report, forPeople: forPeople) }
    }

    private static func page(_ report: PortsReport, forPeople: Bool) -> Page {
        var table = Table("PORT", "STATE", "NAME", "SOURCE", "ALLOWED", "CLIENTS", "SENT")
        table.rows = report.ports.map { row in
            guard let lease = row.lease else {
                let holder = row.process.map { "\($0.name) (pid \($0.pid))" }
                return ["\(row.port)", row.state.rawValue, holder ?? "-", "-", "-", "-", "-"]
            }
            let allowed = lease.service.allow.map(\.description).joined(separator: ",")
            let clients = lease.traffic?.clients.map(\.address).joined(separator: ",") ?? "?"
            let sent = lease.traffic.map { Quantity.size(Int64(clamping: $0.bytesSent), forPeople: forPeople) }
            return [
                "\(row.port)", row.state.rawValue, lease.service.name, lease.service.source,
                allowed.isEmpty ? "-" : allowed, clients.isEmpty ? "-" : clients, sent ?? "?",
            ]
        }
        return Page(table, forPeople: forPeople)
    }
}
