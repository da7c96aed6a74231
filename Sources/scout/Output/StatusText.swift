import Core
import Diagnostics
import Platform

extension StatusReport {
    /// One line for each thing that was asked for.
    ///
    /// - Parameter style: human is sizes humanised.
    func page(style: TextStyle) -> Page {
        var lines = ["scout     \(target)" + (address.map { $0 == target ? "" : " (\($0))" } ?? "")]
        if let vpn {
            lines.append(
                "vpn       " + (vpn.reason ?? "up" + (vpn.interface.map { ", \($0) \(vpn.address ?? "")" } ?? "")))
        }
        lines.append("session   " + (session.error ?? "ok, \(session.elapsedSeconds) s"))
        lines.append("forwards  " + (forwards.map(Self.summary) ?? forwardsError ?? "not known"))
        for exposure in forwards?.exposures ?? [] where exposure.severity > .info {
            lines.append("          \(exposure.severity.rawValue): \(exposure.summary)")
        }
        for device in evidence?.devices ?? [] {
            let exported =
                device.exportedOn.isEmpty
                ? "" : ", exported on \(device.exportedOn.map(String.init).joined(separator: ", "))"
            let size = Quantity.size(device.sizeBytes, style: style)
            let known = device.isKnown ? size + (device.readOnly ? "" : ", WRITABLE") : "NOT known"
            let reason = device.reason.map { ": \($0)" } ?? ""
            lines.append("evidence  \(device.name), \(known)\(exported)\(reason)")
        }
        for row in ports?.ports ?? [] where row.state != .free {
            lines.append("port      " + Self.summary(row, style))
        }
        let free = (ports?.ports ?? []).count { $0.state == .free }
        if ports != nil { lines.append("ports     \(free) free") }
        for acquisition in acquisitions { lines.append("acquire   " + Self.summary(acquisition)) }
        return Page(lines)
    }

    private static func summary(_ report: ForwardsReport) -> String {
        func ports(_ verdict: Verdict) -> String? {
            let found = report.forwards.filter { $0.vpn == verdict }.map { "\($0.port)" }
            return found.isEmpty ? nil : found.joined(separator: ", ")
        }
        let elsewhere = report.forwards.filter { $0.vpn == .open && $0.vpnAddress != nil }.map { "\($0.port)" }
        let kept = [
            ports(.closed).map { "NOT open: \($0)" }, ports(.unknown).map { "NOT known: \($0)" },
            elsewhere.isEmpty ? nil : "open at another address of the host only: " + elsewhere.joined(separator: ", "),
        ].compactMap(\.self)
        let all = report.forwards.isEmpty ? "the host names no port" : "all \(report.forwards.count) open"
        return (kept.isEmpty ? all : kept.joined(separator: "; "))
            + ", local network " + (report.lan.enabled.map { $0 ? "LET IN" : "kept out" } ?? "not known")
            + ", host control " + (report.hostControl.enabled ? "ON" : "off")
            + (report.vpn.up == false ? ", the host says its VPN is DOWN" : "")
    }

    private static func summary(_ row: PortsReport.Row, _ style: TextStyle) -> String {
        guard let lease = row.lease else {
            return "\(row.port), without a lease: "
                + (row.process.map { "\($0.name) (pid \($0.pid))" } ?? "another program")
        }
        let traffic = lease.traffic.map { traffic in
            let sent = Quantity.size(Int64(clamping: traffic.bytesSent), style: style)
            let clients = traffic.clients.map(\.address).joined(separator: ", ")
            return "\(sent) sent, " + (clients.isEmpty ? "no client" : clients)
        }
        return "\(row.port), \(lease.service.name): " + (traffic ?? "its gate does not answer")
    }

    private static func summary(_ acquisition: RunningAcquisition) -> String {
        let share = Double(acquisition.doneBytes) * 100 / Double(max(acquisition.totalBytes, 1))
        let rate = Quantity.size(Int64(clamping: acquisition.bytesPerSecond))
        return "\(acquisition.source) of \(acquisition.target) to \(acquisition.image): \(acquisition.phase) "
            + "\(Quantity.tenths(share)) %, \(rate)/s (pid \(acquisition.pid))"
    }
}
