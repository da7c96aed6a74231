import Platform

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

/// Asks a rule set everything that ``ForwardingFindings`` tell.
///
/// Not safe to share between threads.
final class ForwardingAnalysis {
    let rules: HostRules
    let plan: FirewallPlan
    let network: HostNetwork
    let evaluator: Evaluator
    /// The interfaces that face the owner's network, those that no rule tells apart together.
    let lanInterfaces: [InterfaceGroup]
    /// The addresses of VPN peers.
    let peers: AddressSet
    /// The addresses of the owner's network, and of all beyond.
    let outside: AddressSet
    /// The container's address.
    let container: AddressSet?
    /// The addresses of the container, and of whatever else is on its side.
    let insiders: AddressSet
    /// From any VPN peer to the host's VPN address over TCP, as the expert connects: what holds for all of them.
    let vpnToHost: PortScan
    /// From VPN peers who are up to no good to each of the host's own addresses.
    let vpnToOwn: [PortScan]
    /// From neighbours to each of the host's own addresses, for each LAN interface.
    let lanToOwn: [PortScan]

    /// Interfaces that are asked about at most.
    static let maximumInterfaces = 48
    /// How many rules may be looked at for one report, so that no rule set takes longer than a blink.
    static let effort = 120_000_000
    static let transports = [TransportProtocol.tcp, TransportProtocol.udp]

    init(_ rules: HostRules, plan: FirewallPlan, network: HostNetwork, effort: Int = ForwardingAnalysis.effort) {
        self.rules = rules
        self.plan = plan
        self.network = network
        evaluator = Evaluator(rules.ipv4, on: network, effort: effort)
        container = IPAddress(plan.containerAddress).map { AddressSet($0) }
        lanInterfaces = InterfaceGroup.lan(rules, plan, network)
        peers = Self.neighbours(by: network.vpnInterface, network)
        insiders = Self.neighbours(by: network.containerInterface, network)
        let address = IPAddress(plan.hostVPNAddress)
        let vpn = InterfaceGroup(network.vpnInterface)
        vpnToHost = PortScan(
            evaluator, by: vpn, from: peers, to: address.map { AddressSet($0) } ?? .all(.ipv4), isLocal: .yes,
            sourcePorts: Packet.clientPorts, picks: .nothing)
        outside = Self.outside(network, .ipv4)
        let own = OwnAddresses(rules.ipv4, network)
        vpnToOwn = Self.scans(
            evaluator, own, network, by: vpn, from: peers, expected: address.map { [$0] } ?? [], otherwise: peers)
        let (evaluator, outside) = (evaluator, outside)
        lanToOwn = lanInterfaces.flatMap { group in
            let expected = network.addresses.filter { group.names.contains($0.name) && $0.address.family == .ipv4 }
            return Self.scans(
                evaluator, own, network, by: group, from: outside, expected: expected.map(\.address),
                otherwise: outside)
        }
    }

    /// Questions to all of the host's own addresses, over TCP and UDP, those first that one expects.
    ///
    /// - Parameters:
    ///   - evaluator: asked.
    ///   - own: the addresses.
    ///   - network: tells whether loopback addresses are among them.
    ///   - group: where the connection comes in.
    ///   - source: from whom.
    ///   - expected: the addresses that go without saying: those of the interface.
    ///   - unknown: what the host's address may be where none of the expected is known.
    static func scans(
        _ evaluator: Evaluator, _ own: OwnAddresses, _ network: HostNetwork, by group: InterfaceGroup,
        from source: AddressSet, expected: [IPAddress], otherwise unknown: AddressSet
    ) -> [PortScan] {
        var usual: [(AddressSet, String?)] = []
        var others: [(AddressSet, String?)] = []
        for addresses in own.groups(by: group.names) {
            if addresses.addresses.contains(where: { expected.contains($0) }) {
                usual.append((addresses.set, nil))
            } else {
                others.append((addresses.set, addresses.label))
            }
        }
        if usual.isEmpty { usual.append((unknown, nil)) }
        if evaluator.rules.family == .ipv4, network.routesLoopback(group.names[0]) {
            others.append((HostNetwork.loopback(.ipv4), "127.0.0.0/8, which is routed,"))
        }
        return (usual + others).flatMap { destination, place in
            transports.map { transport in
                PortScan(
                    evaluator, by: group, from: senders(source, transport, evaluator.rules.family, by: group, network),
                    to: destination, isLocal: .yes, transport: transport,
                    picks: place?.hasPrefix("127.") == true ? .sourceAndDestination : .source, place: place)
            }
        }
    }

    /// Whom packets may say they are from. Who is up to no good sends a datagram as whoever he likes, where the kernel lets
    /// him; for TCP he needs the answer.
    static func senders(
        _ honest: AddressSet, _ transport: UInt8, _ family: RuleSet.Family, by group: InterfaceGroup,
        _ network: HostNetwork
    ) -> AddressSet {
        let isChecked = family == .ipv4 && network.settings(group.names[0])?.checksSources == true
        if transport != TransportProtocol.udp || isChecked { return honest }
        // The host's own addresses it takes from nobody (`__fib_validate_source`).
        return AddressSet.all(family).subtracting(network.local(family)).subtracting(HostNetwork.neverUnicast(family))
    }

    /// Every address that is routed by an interface, but the host's.
    static func neighbours(by interface: String, _ network: HostNetwork) -> AddressSet {
        let own = network.routes.filter { $0.interface == interface && $0.destination.address.family == .ipv4 }
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
        // Where host and container are one machine, its own address is the container.
        decision.destination == container
    }

    /// The verdict of a forward, which is open only where it leads to the container.
    func verdict(_ decision: Decision) -> Decision.Verdict {
        switch decision.verdict {
        case .open: reachesContainer(decision) ? .open : .closed
        case .closed: .closed
        // What can end elsewhere only is closed, whatever a rule on the way there may do.
        case .unknown: mayReachContainer(decision) ? .unknown : .closed
        }
    }

    private func mayReachContainer(_ decision: Decision) -> Bool {
        container.map { decision.mayReach($0) } ?? true
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
        guard let container else { return nil }
        for (tableNumber, table) in rules.ipv4.tables.enumerated() {
            for (chainNumber, chain) in table.chains.enumerated() {
                for (number, rule) in chain.rules.enumerated() {
                    let hull = chain.portHulls[number]
                    guard case .translateDestination(container, _) = rule.target, hull.low > 0 || hull.high < .max,
                        (hull.low...max(hull.low, hull.high)).contains(port)
                    else { continue }
                    return rules.ipv4.reference(RuleLocation(table: tableNumber, chain: chainNumber, rule: number))
                        .description
                }
            }
        }
        return nil
    }

    /// The worst answer to one port, for the container, and who asked.
    private func worst(_ scans: [PortScan], _ port: UInt16) -> (scan: PortScan, decision: Decision)? {
        var found: (scan: PortScan, decision: Decision)?
        for scan in scans where scan.proto == "tcp" {
            for decision in scan.decisions(port) {
                switch verdict(decision) {
                case .open: return (scan, decision)
                case .unknown where found.map { verdict($0.decision) } != .unknown: found = (scan, decision)
                default: found = found ?? (scan, decision)
                }
            }
        }
        return found
    }

    /// What becomes of one port.
    func forward(_ port: UInt16) -> ForwardingFindings.Forward {
        let vpn = vpnToHost.decision(port)
        let fromLAN = worst(lanToOwn, port)
        let lan = fromLAN.map { verdict($0.decision) } ?? .closed
        // What is closed at the address that the expert dials may be open at another.
        let elsewhere = verdict(vpn) == .closed ? worst(vpnToOwn.filter { $0.place != nil }, port) : nil
        let other = elsewhere.flatMap { verdict($0.decision) == .closed ? nil : $0 }
        let shown = other?.decision ?? (!vpn.isForwarded && lan != .closed ? fromLAN?.decision ?? vpn : vpn)
        let forward = shown.forward
        let target = forward == nil ? plan.containerAddress : shown.address
        let ports = forward == nil ? nil : shown.ports
        var reason: String?
        if verdict(vpn) != .open {
            reason = self.reason(vpn, port: port)
        } else if lan != .closed, let fromLAN {
            let place = fromLAN.scan.place.map { ", to the host's address \($0)" } ?? ""
            reason = "from the local network on \(fromLAN.scan.group.label)\(place): \(fromLAN.decision.reason)"
        }
        if let other, let place = other.scan.place {
            reason =
                "at the host's address \(place): \(other.decision.reason); at \(plan.hostVPNAddress): \(reason ?? "")"
        }
        return ForwardingFindings.Forward(
            port: port, to: "\(target):\(ports.map { PortSet([$0]).text } ?? "\(port)")",
            vpn: other.map { verdict($0.decision) } ?? verdict(vpn), lan: lan,
            packets: forward?.packets ?? 0, bytes: forward?.bytes ?? 0, reason: reason,
            vpnAddress: other?.scan.place, lanAddress: lan == .closed ? nil : fromLAN?.scan.place)
    }

    /// The ports of the plan, and those that the rules forward to the container beside them.
    func ports() -> [UInt16] {
        var found = Set(plan.forwardedPorts)
        for scan in [vpnToHost] + (vpnToOwn + lanToOwn).filter({ $0.proto == "tcp" }) {
            for range in scan.ports(where: { $0.isForwarded && verdict($0) == .open }) where range.count <= 256 {
                found.formUnion(range)
            }
            if found.count > 1024 { break }
        }
        return found.sorted()
    }
}
