import Core
import Forwarding
import FoundationEssentials
import Sessions

/// One page: the link, the session, what is forwarded, the ports, what is being acquired.
struct StatusReport: Report {
    static let schema = "scout.status/1"

    struct SessionView: Codable, Sendable {
        /// Whether the container could be logged in to; `true` inside it.
        var ok: Bool
        /// How long that took.
        var elapsedSeconds: Double
        /// Why not.
        var error: String?
    }

    var target: String
    var address: String?
    var checkedAt: Date
    var vpn: VPNView?
    var session: SessionView
    var evidence: EvidenceReport?
    var ports: PortsReport?
    var forwards: ForwardsReport?
    /// Why there is no `forwards`.
    var forwardsError: String?
    var acquisitions: [RunningAcquisition]

    /// Asks everything at once.
    static func take(_ invocation: Invocation) async -> (report: StatusReport, error: ScoutError?) {
        var report = StatusReport(
            target: invocation.placeName, checkedAt: Date(), session: SessionView(ok: false, elapsedSeconds: 0),
            acquisitions: RunningAcquisition.all(invocation.paths))
        if case .remote(let target) = invocation.place {
            report.address = target.address.description
            if let address = IPAddress(target.address.host) {
                report.vpn = await VPNView.look(towards: address, invocation.topology)
            }
        }
        let start = ContinuousClock.now
        do {
            let answers = try await invocation.withContainer { container in
                let opened = ContinuousClock.now
                async let evidence = container.evidence()
                async let ports = container.ports()
                async let forwards = Self.forwards(container)
                return (opened, try await evidence, try await ports, await forwards)
            }
            report.session = SessionView(ok: true, elapsedSeconds: seconds(answers.0 - start))
            report.evidence = answers.1
            report.ports = answers.2
            switch answers.3 {
            case .success(let forwards): report.forwards = forwards
            case .failure(let error): report.forwardsError = error.message
            }
            return (report, nil)
        } catch {
            let known = error as? ScoutError ?? ScoutError(.failed, "\(error)")
            report.session = SessionView(ok: false, elapsedSeconds: seconds(.now - start), error: known.message)
            return (report, known)
        }
    }

    private static func seconds(_ duration: Duration) -> Double { (duration / .seconds(1) * 1000).rounded() / 1000 }

    private static func forwards(_ container: any Container) async -> Result<ForwardsReport, ScoutError> {
        do {
            return .success(try await container.forwards())
        } catch {
            return .failure(error as? ScoutError ?? ScoutError(.failed, "\(error)"))
        }
    }

    // MARK: For people

    func page(forPeople: Bool) -> Page {
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
            let size = Quantity.size(device.sizeBytes, forPeople: forPeople)
            let known = device.isKnown ? size + (device.readOnly ? "" : ", WRITABLE") : "NOT known"
            let reason = device.reason.map { ": \($0)" } ?? ""
            lines.append("evidence  \(device.name), \(known)\(exported)\(reason)")
        }
        for row in ports?.ports ?? [] where row.state != .free {
            lines.append("port      " + Self.summary(row, forPeople))
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

    private static func summary(_ row: PortsReport.Row, _ forPeople: Bool) -> String {
        guard let lease = row.lease else {
            return "\(row.port), without a lease: "
                + (row.process.map { "\($0.name) (pid \($0.pid))" } ?? "another program")
        }
        let traffic = lease.traffic.map { traffic in
            let sent = Quantity.size(Int64(clamping: traffic.bytesSent), forPeople: forPeople)
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
