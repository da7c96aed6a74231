public import Core
public import FoundationEssentials

/// The rules of a host, both families.
public struct HostRules: Sendable {
    /// What `iptables-save -c` listed.
    public var ipv4: RuleSet
    /// What `ip6tables-save -c` listed; `nil` where it isn't at hand.
    public var ipv6: RuleSet?

    /// - Parameters:
    ///   - ipv4: the rules for IPv4.
    ///   - ipv6: the rules for IPv6, where they are at hand.
    public init(ipv4: RuleSet, ipv6: RuleSet?) {
        self.ipv4 = ipv4
        self.ipv6 = ipv6
    }
}

/// Asks a rule set everything that a ``ForwardsReport`` tells.
///
/// Not safe to share between threads.
final class Survey {
    let rules: HostRules
    let topology: Topology
    let network: HostNetwork
    let evaluator: Evaluator
    /// The interfaces that face the owner's network, those that no rule tells apart together.
    let lanInterfaces: [InterfaceGroup]
    /// The addresses of VPN peers.
    let peers: AddressSet
    /// The addresses of the owner's network, and of all beyond.
    let outside: AddressSet
    /// From any VPN peer to the host's VPN address, as the expert connects.
    let vpnToHost: PortScan
    /// From any neighbour to the host's own address, for each LAN interface.
    let lanToHost: [PortScan]

    /// Interfaces that are asked about at most.
    static let maximumInterfaces = 48
    /// How many rules may be looked at for one report, so that no rule set takes longer than a blink.
    static let effort = 120_000_000

    init(_ rules: HostRules, topology: Topology, network: HostNetwork, effort: Int = Survey.effort) {
        self.rules = rules
        self.topology = topology
        self.network = network
        evaluator = Evaluator(rules.ipv4, on: network, effort: effort)
        lanInterfaces = InterfaceGroup.lan(rules, topology, network)
        peers = Self.peers(topology, network)
        let host = IPAddress(topology.hostVPNAddress).map { AddressSet($0) } ?? .all(.ipv4)
        vpnToHost = PortScan(
            evaluator, by: InterfaceGroup(network.vpnInterface), from: peers, to: host, isLocal: .yes,
            sourcePorts: Packet.clientPorts)
        outside = Self.outside(network, .ipv4)
        let (evaluator, outside) = (evaluator, outside)
        lanToHost = lanInterfaces.map { group in
            let own = network.addresses.filter { group.names.contains($0.name) && $0.address.bytes.count == 4 }
            let host = own.isEmpty ? outside : AddressSet(own.map { $0.address.number...$0.address.number })
            return PortScan(evaluator, by: group, from: outside, to: host, isLocal: .yes)
        }
    }

    /// Every address of the VPN but the host's.
    static func peers(_ topology: Topology, _ network: HostNetwork) -> AddressSet {
        let own = network.routes.filter {
            $0.interface == network.vpnInterface && $0.destination.address.bytes.count == 4
        }
        let ranges = AddressSet(own.filter { $0.destination.prefixLength > 0 }.map(\.destination.range))
        let all = ranges.ranges.isEmpty ? AddressSet.all(.ipv4) : ranges
        return all.subtracting(network.local(.ipv4))
    }

    /// Every address that a machine of the owner's network, or the host there, may have.
    static func outside(_ network: HostNetwork, _ family: RuleSet.Family) -> AddressSet {
        let inner: Set<String> = [network.vpnInterface, network.containerInterface]
        var known = network
        known.routes = network.routes.filter { inner.contains($0.interface) }
        return AddressSet.all(family).subtracting(known.routed(family)).subtracting(network.local(family))
            .subtracting(HostNetwork.neverUnicast(family))
    }

    /// Whether a connection ends at the container.
    func reachesContainer(_ decision: Decision) -> Bool {
        guard let container = IPAddress(topology.containerAddress) else { return false }
        // Where host and container are one machine, its own address is the container.
        return decision.destination == AddressSet(container)
    }

    /// The verdict of a forward, which is open only where it leads to the container.
    func verdict(_ decision: Decision) -> Verdict {
        switch decision.verdict {
        case .open: reachesContainer(decision) ? .open : .closed
        case .closed: .closed
        // What can end elsewhere only is closed, whatever a rule on the way there may do.
        case .unknown: mayReachContainer(decision) ? .unknown : .closed
        }
    }

    private func mayReachContainer(_ decision: Decision) -> Bool {
        IPAddress(topology.containerAddress).map { decision.mayReach(AddressSet($0)) } ?? true
    }

    /// Why a forward is not open.
    private func reason(_ decision: Decision, port: UInt16) -> String {
        if verdict(decision) == .unknown { return decision.reason }
        let stopped = decision.verdict == .closed ? "; " + decision.reason : ""
        guard decision.isForwarded else {
            let late = intended(port).map {
                "the rule that should forward port \(port) comes too late, or never: \($0)"
            }
            return (late ?? "no rule forwards port \(port)") + stopped
        }
        if reachesContainer(decision) { return decision.reason }
        let place = decision.isLocal ? "the host itself" : decision.address
        let rule = decision.forward?.description ?? ""
        let late = intended(port).flatMap { $0 == rule ? nil : ", which comes before \($0)" } ?? ""
        return "it leads to \(place), not to the container, by \(rule)\(late)\(stopped)"
    }

    /// The first rule that names this port and sends it to the container, whether a packet gets there or not.
    private func intended(_ port: UInt16) -> String? {
        guard let container = IPAddress(topology.containerAddress).map({ AddressSet($0) }) else { return nil }
        for (tableNumber, table) in rules.ipv4.tables.enumerated() {
            for (chainNumber, chain) in table.chains.enumerated() {
                for (number, rule) in chain.rules.enumerated() {
                    let hull = chain.portHulls[number]
                    guard case .translateDestination(container, _) = rule.target, hull.low > 0 || hull.high < .max,
                        (hull.low...max(hull.low, hull.high)).contains(port)
                    else { continue }
                    return rules.ipv4.reference(Site(table: tableNumber, chain: chainNumber, rule: number)).description
                }
            }
        }
        return nil
    }

    /// One row of the report.
    func row(_ port: UInt16) -> ForwardsReport.Row {
        let vpn = vpnToHost.decision(port)
        let fromLAN = lanToHost.map { ($0.group.label, $0.decision(port)) }
        let worst =
            fromLAN.first { verdict($0.1) == .open } ?? fromLAN.first { verdict($0.1) == .unknown } ?? fromLAN.first
        let lan = worst.map { verdict($0.1) } ?? .closed
        let shown = !vpn.isForwarded && lan != .closed ? worst?.1 ?? vpn : vpn
        let forward = shown.forward
        let target = forward == nil ? topology.containerAddress : shown.address
        let ports = forward == nil ? nil : shown.ports
        var reason: String?
        if verdict(vpn) != .open {
            reason = self.reason(vpn, port: port)
        } else if lan != .closed, let worst {
            reason = "from the local network on \(worst.0): \(worst.1.reason)"
        }
        return ForwardsReport.Row(
            port: port, proto: "tcp", to: "\(target):\(ports.map { PortSet([$0]).text } ?? "\(port)")",
            vpn: verdict(vpn), lan: lan,
            packets: forward?.packets ?? 0, bytes: forward?.bytes ?? 0, reason: reason)
    }

    /// The ports of the topology, and those that the rules forward to the container beside them.
    func ports() -> [UInt16] {
        var found = Set(topology.forwardedPorts)
        for scan in [vpnToHost] + lanToHost {
            for range in scan.ports(where: { $0.isForwarded && verdict($0) == .open }) where range.count <= 256 {
                found.formUnion(range)
            }
            if found.count > 1024 { break }
        }
        return found.sorted()
    }
}

extension ForwardsReport {
    /// Evaluates a host's rules.
    ///
    /// - Parameters:
    ///   - rules: the rules.
    ///   - topology: the ports and addresses that are meant.
    ///   - network: what is known of the host; `nil` takes what the topology tells.
    ///   - source: where the rules are from.
    ///   - checkedAt: when they were true.
    ///   - vpnIsUp: whether the link is up, where that is known.
    public init(
        evaluating rules: HostRules, topology: Topology, network: HostNetwork? = nil, source: Source, checkedAt: Date,
        vpnIsUp: Bool? = nil
    ) {
        let survey = Survey(rules, topology: topology, network: network ?? HostNetwork(topology))
        // What matters most first: it must be answered even where the rules are too many for the rest.
        for port in topology.forwardedPorts { _ = survey.row(port) }
        let control = survey.vpnToHost.decision(topology.hostControlPort)
        let exposures = survey.exposures()
        let forwards = survey.ports().map(survey.row)
        let isControlled = control.verdict == .open ? control.isLocal : control.verdict == .unknown
        self.init(
            source: source, checkedAt: checkedAt,
            vpn: VPN(up: vpnIsUp, interface: topology.vpnInterface, address: topology.hostVPNAddress),
            lan: LAN(enabled: forwards.contains { $0.lan != .closed }),
            hostControl: HostControl(enabled: isControlled, port: topology.hostControlPort), forwards: forwards,
            exposures: exposures)
    }
}
