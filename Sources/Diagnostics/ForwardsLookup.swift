public import Core
import Host
import FoundationEssentials
import Platform

/// Asks what the host forwards: its agent; else over SSH, where the owner allows host control; else by trying.
public struct ForwardsLookup: Sendable {
    private let subject: Subject
    private let scout: any ScoutQuestions
    private let network: any NetworkQuestions
    private let detail: @Sendable (String) -> Void

    /// - Parameters:
    ///   - subject: whose host is asked.
    ///   - scout: asks it.
    ///   - detail: is told what went on, for people who want more than the result.
    public init(_ subject: Subject, asking scout: LiveScout, detail: @escaping @Sendable (String) -> Void) {
        self.init(subject, asking: scout, LiveNetwork(), detail: detail)
    }

    init(
        _ subject: Subject, asking scout: any ScoutQuestions, _ network: any NetworkQuestions,
        detail: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.subject = subject
        self.scout = scout
        self.network = network
        self.detail = detail
    }

    /// Asks in one way, or in the best that works.
    ///
    /// - Parameter via: the way; `nil` tries all three in their order.
    /// - Throws: `ScoutError` of the way that was asked for, or of the first where none works.
    public func report(via: ForwardsReport.Source?) async throws -> ForwardsReport {
        switch via {
        case .agent: return try await scout.withContainer { try await $0.forwards() }
        case .ssh: return try await overSSH(asks: true)
        case .probe: return try await byProbe()
        case .file: throw ScoutError(.usage, "rules from a file need a file", hint: "scout forwards --from FILE")
        case nil: break
        }
        do {
            return try await report(via: .agent)
        } catch let error as ScoutError {
            detail("no answer by the agent: \(error.message)")
            for way in [ForwardsReport.Source.ssh, .probe] {
                do {
                    return way == .ssh ? try await overSSH(asks: false) : try await byProbe()
                } catch let other as ScoutError {
                    detail("no answer by \(way.text): \(other.message)")
                }
            }
            throw error
        }
    }

    /// Lets the host list its rules, and evaluates them here.
    ///
    /// - Parameter asks: whether the person at the terminal may be asked for a password or about the host's key.
    private func overSSH(asks: Bool) async throws -> ForwardsReport {
        let listing = try await scout.hostListing(asks: asks, deadline: asks ? .seconds(10) : .seconds(2))
        return listing.report(subject.topology, source: .ssh, checkedAt: Date())
    }

    // MARK: By trying

    private static let deadline = Duration.seconds(3)

    /// Whether a port answers, or it can't be excluded because this machine could not try.
    private func mayBeOpen(_ host: String, _ port: UInt16) async -> Bool {
        do throws(ScoutError) {
            _ = try await network.read(host: host, port: port, deadline: .seconds(2), until: { $0.contains(10) })
            return true
        } catch {
            return error.code != .unreachable
        }
    }

    private func byProbe() async throws -> ForwardsReport {
        guard let target = subject.target else {
            throw ScoutError(
                .usage, "from inside the container nobody can see what is let in from outside",
                hint: "run scout forwards --via probe on the laptop")
        }
        let topology = subject.topology
        let host = target.address.host
        let network = network
        let nonce = PortReachability.nonce()
        let ports = topology.forwardedPorts
        let reached = try await scout.withContainer { container in
            try await container.withProbe(ports.filter { $0 != topology.sshPort }, nonce: nonce) { found in
                await withTaskGroup(of: (UInt16, PortReachability).self) { group in
                    for row in found.ports {
                        group.addTask {
                            (
                                row.port,
                                await PortReachability.test(
                                    row, at: host, nonce: nonce, deadline: Self.deadline, asking: network)
                            )
                        }
                    }
                    return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
                }
            }
        }
        let control = await mayBeOpen(host, topology.hostControlPort)
        let rows = ports.map { port in
            let reach = reached[port]
            // The container answers over this very port.
            let verdict = port == topology.sshPort ? .open : reach?.verdict ?? .unknown
            return ForwardsReport.Row(
                port: port, proto: "tcp", to: "\(topology.containerAddress):\(port)", vpn: verdict, lan: .unknown,
                packets: 0, bytes: 0, reason: verdict == .open ? nil : reach?.reason)
        }
        return ForwardsReport(
            source: .probe, checkedAt: Date(),
            vpn: ForwardsReport.VPN(up: true, interface: topology.vpnInterface, address: host),
            lan: ForwardsReport.LAN(enabled: nil),
            hostControl: ForwardsReport.HostControl(enabled: control, port: topology.hostControlPort),
            forwards: rows,
            exposures: [
                ForwardsReport.Exposure(
                    severity: .warning,
                    summary: "what the owner's network reaches can't be probed from here, only read from the rules")
            ])
    }
}

extension ForwardsReport.Source {
    /// In a sentence.
    public var text: String {
        switch self {
        case .agent: "its agent"
        case .ssh: "SSH"
        case .probe: "probing"
        case .file: "its saved rules"
        }
    }
}
