import Core
import Diagnostics
import FoundationEssentials
import Host
import Platform

extension ForwardsReport {
    /// Where the report is from, and when it was true.
    var origin: String { "from the host by \(source.text), \(checkedAt.formatted(.iso8601))" }

    /// The report as people read it: one line on the links, a row for each port, the exposures.
    ///
    /// - Parameter style: human is aligned, with a heading; otherwise tabs, and the exposures as rows that begin with that word.
    func page(style: TextStyle) -> Page {
        var table = TextTable("PORT", "TO", "VPN", "LAN", "PACKETS", "WHY")
        table.rows = forwards.map {
            ["\($0.port)", $0.to, $0.vpn.rawValue, $0.lan.rawValue, "\($0.packets)", $0.reason ?? "-"]
        }
        guard style == .human else {
            table.rows += exposures.map { ["exposure", $0.severity.rawValue, $0.summary] }
            return Page(table, style: .plain)
        }
        let link = vpn.up.map { $0 ? "up" : "DOWN" } ?? "not known"
        let network = lan.enabled.map { $0 ? "LET IN" : "kept out" } ?? "not known"
        let control = hostControl.enabled ? "ON, port \(hostControl.port)" : "off"
        var page: Page = [
            origin,
            "VPN \(link) (\(vpn.interface), \(vpn.address)); local network \(network); host control \(control)", "",
        ]
        page.append(table, style: .human)
        if !exposures.isEmpty { page.append("") }
        for exposure in exposures { page.append("\(exposure.severity.rawValue): \(exposure.summary)") }
        return page
    }
}

extension Topology {
    /// The forwarded ports: `22, 2000–2009`.
    var portsText: String {
        var ranges: [ClosedRange<UInt16>] = []
        for port in forwardedPorts {
            if let last = ranges.last, last.upperBound + 1 == port {
                ranges[ranges.count - 1] = last.lowerBound...port
            } else {
                ranges.append(port...port)
            }
        }
        return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)–\($0.upperBound)" }
            .joined(separator: ", ")
    }
}
