import Core

extension EvidenceReport {
    /// A row for each device, and one for each of its partitions.
    func page(style: TextStyle) -> Page {
        var table = TextTable("NAME", "SIZE", "ACCESS", "PARTITION", "START", "TYPE", "PORTS")
        for device in devices {
            let ports = device.exportedOn.map(String.init).joined(separator: ",")
            table.rows.append([
                device.name, device.isKnown ? Quantity.size(device.sizeBytes, style: style) : "-",
                !device.isKnown ? "not known" : device.readOnly ? "read-only" : "writable", "-", "-",
                device.reason ?? "-", ports.isEmpty ? "-" : ports,
            ])
            for partition in device.partitions {
                table.rows.append([
                    device.name, Quantity.size(partition.sizeBytes, style: style), "-",
                    String(partition.number), String(partition.startBytes), partition.type, "-",
                ])
            }
        }
        return Page(table, style: style)
    }
}
