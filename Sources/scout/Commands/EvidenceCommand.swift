import ArgumentParser
import Core

/// `scout evidence`: the devices that the owner mapped.
struct EvidenceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evidence",
        abstract: "List evidence and storage devices: size, partitions, who exports them.")
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let invocation = try Invocation(global)
        if case .local = invocation.place { ReaderWatch.start() }
        let report = try await invocation.withContainer { try await $0.evidence() }
        Candidates.remember(report, invocation)
        let forPeople = invocation.output.isForPeople
        try invocation.output.result(report) { Self.page(report, forPeople: forPeople) }
        if report.devices.isEmpty { invocation.output.remark("no devices: ask the owner to map a disk") }
    }

    private static func page(_ report: EvidenceReport, forPeople: Bool) -> Page {
        var table = Table("NAME", "SIZE", "ACCESS", "PARTITION", "START", "TYPE", "PORTS")
        for device in report.devices {
            let ports = device.exportedOn.map(String.init).joined(separator: ",")
            table.rows.append([
                device.name, device.isKnown ? Quantity.size(device.sizeBytes, forPeople: forPeople) : "-",
                !device.isKnown ? "not known" : device.readOnly ? "read-only" : "writable", "-", "-",
                device.reason ?? "-", ports.isEmpty ? "-" : ports,
            ])
            for partition in device.partitions {
                table.rows.append([
                    device.name, Quantity.size(partition.sizeBytes, forPeople: forPeople), "-",
                    String(partition.number), String(partition.startBytes), partition.type, "-",
                ])
            }
        }
        return Page(table, forPeople: forPeople)
    }
}
