import Platform

private typealias Exposure = ForwardingFindings.Exposure

extension ForwardingAnalysis {
    /// What can be reached beside the forwards, the worst first.
    func exposures() -> [ForwardingFindings.Exposure] {
        if let doubt = rules.ipv4.doubts.first {
            return [Exposure(severity: .warning, summary: "what can be reached is not known: \(doubt)")]
        }
        var found = lanExposures() + vpnExposures() + containerExposures() + duplicates(rules.ipv4)
        if let ipv6 = rules.ipv6 {
            found += exposures(ipv6: ipv6) + duplicates(ipv6)
        } else {
            found.append(
                Exposure(
                    severity: .warning, summary: "whether IPv6 is filtered is not known: its rules are not at hand"))
        }
        found += network.assumptions.map { Exposure(severity: .info, summary: $0) }
        return found.enumerated().sorted { ($1.element.severity, $0.offset) < ($0.element.severity, $1.offset) }
            .map(\.element)
    }

    /// What a sentence is about.
    private struct Finding {
        var verdict: Decision.Verdict
        /// `tcp 22, 2000-2009`; the ports of UDP behind those of TCP where the rest is the same.
        var ports: String
        var interfaces: [String]
        /// The host's address where that is to be told.
        var place: String?
        var reason: String

        /// `by eth0, wlan0 to the host's address 10.1.0.2`
        var way: String { "by " + interfaces.joined(separator: ", ") + target }
        /// `to the host's address 10.1.0.2`, with a space before it, or nothing.
        var target: String { place.map { " to the host's address \($0)" } ?? "" }
    }

    /// One sentence for each set of ports that is open, and one where that can't be excluded.
    ///
    /// - Parameters:
    ///   - scans: the questions, for each group and protocol, the address that one expects before others.
    ///   - severity: how bad an open port is.
    ///   - except: TCP ports that are as they should be.
    ///   - exceptUDP: UDP ports that are.
    ///   - isMeant: which decisions count.
    ///   - sentence: says who reaches what.
    private func exposures(
        _ scans: [PortScan], _ severity: Exposure.Severity, except: [ClosedRange<UInt16>] = [],
        exceptUDP: [ClosedRange<UInt16>] = [], where isMeant: (Decision) -> Bool, _ sentence: (Finding) -> String
    ) -> [Exposure] {
        struct Key: Hashable {
            var ports: PortSet
            var place: String?
            var proto: String
        }
        var found: [Finding] = []
        for verdict in [Decision.Verdict.open, .unknown] {
            var order: [Key] = []
            var byKey: [Key: Finding] = [:]
            for scan in scans {
                let ranges = scan.ports { $0.verdict == verdict && isMeant($0) }
                let holes = scan.proto == "tcp" ? except : exceptUDP
                let ports = PortSet(PortScan.subtracting(holes, from: ranges))
                let label = scan.group.label
                guard let first = ports.ranges.first?.lowerBound,
                    let decision = scan.decisions(first).first(where: { $0.verdict == verdict && isMeant($0) })
                else { continue }
                let usual = Key(ports: ports, place: nil, proto: scan.proto)
                // That the host's other addresses are taken as well is worth a word only where it makes a difference.
                if byKey[usual]?.interfaces.contains(label) == true { continue }
                let key = Key(ports: ports, place: scan.place, proto: scan.proto)
                if byKey[key] == nil {
                    order.append(key)
                    byKey[key] = Finding(
                        verdict: verdict, ports: Self.brief(ports, scan.proto), interfaces: [], place: scan.place,
                        reason: decision.reason)
                }
                byKey[key]?.interfaces.append(label)
            }
            for key in order {
                guard let finding = byKey[key] else { continue }
                let twin = key.proto == "udp" ? byKey[Key(ports: key.ports, place: key.place, proto: "tcp")] : nil
                if let twin, twin.interfaces == finding.interfaces, twin.reason == finding.reason,
                    let place = found.firstIndex(where: {
                        $0.verdict == verdict && $0.ports == twin.ports && $0.place == twin.place
                    })
                {
                    found[place].ports += ", " + finding.ports
                } else {
                    found.append(finding)
                }
            }
        }
        return found.map { finding in
            let text = sentence(finding)
            return finding.verdict == .open
                ? Exposure(severity: severity, summary: "\(text) (\(finding.reason))")
                : Exposure(
                    severity: min(severity, .warning),
                    summary: "it can't be excluded that \(text) (\(finding.reason))")
        }
    }

    private static func brief(_ ports: PortSet, _ proto: String) -> String {
        let first = PortSet(Array(ports.ranges.prefix(12))).text
        return "\(proto) " + (ports.ranges.count > 12 ? first + " and others" : first)
    }

    private static let every: [ClosedRange<UInt16>] = [0 ... .max]

    /// A question over TCP and UDP to what is not the host itself.
    private func scans(
        _ evaluator: Evaluator? = nil, by groups: [InterfaceGroup], from source: AddressSet, to destination: AddressSet,
        splits: Int = 64, exit: String? = nil, isHonest: Bool = false
    ) -> [PortScan] {
        groups.flatMap { group in
            Self.transports.map {
                let evaluator = evaluator ?? self.evaluator
                return PortScan(
                    evaluator, by: group,
                    from: isHonest ? source : Self.senders(source, $0, evaluator.rules.family, by: group, network),
                    to: destination, isLocal: .no, transport: $0,
                    picks: .sourceAndDestination, splits: splits, exit: exit)
            }
        }
    }

    /// Whether container and host are two machines.
    private var isApart: Bool { container.map { network.local(.ipv4).holds($0) == .no } ?? true }

    // MARK: From the owner's network

    private func lanExposures() -> [Exposure] {
        let control = [plan.hostControlPort...plan.hostControlPort]
        var found: [Exposure] = []
        if isApart {
            let routed = scans(by: lanInterfaces, from: outside, to: container ?? .all(.ipv4))
            found += exposures(routed, .critical, where: { reachesContainer($0) }) {
                "a LAN neighbour reaches the container by a static route: \($0.ports) \($0.way)"
            }
            found += exposures(lanToOwn, .critical, except: control, where: { $0.isLocal }) {
                "a LAN neighbour reaches the host itself: \($0.ports) \($0.way)"
            }
            found += exposures(
                lanToOwn, .warning, except: PortScan.subtracting(control, from: Self.every), exceptUDP: Self.every,
                where: { $0.isLocal }
            ) {
                "host control is open to the LAN: \($0.ports) \($0.way)"
            }
        }
        found += exposures(lanToOwn, .warning, where: { !$0.isLocal && reachesContainer($0) }) {
            "access from the LAN is on: a neighbour reaches \($0.ports) of the container \($0.way)"
        }
        found += exposures(lanToOwn, .warning, where: { !$0.isLocal && !reachesContainer($0) }) {
            "the host forwards \($0.ports), arriving \($0.way), to another address than the container's"
        }
        let toPeers = scans(by: lanInterfaces, from: outside, to: peers)
        found += exposures(toPeers, .critical, where: { !$0.isForwarded }) {
            "a LAN neighbour reaches the VPN's machines through the host: \($0.ports) \($0.way)"
        }
        return found
    }

    // MARK: From the VPN

    private func vpnExposures() -> [Exposure] {
        guard isApart else { return [] }
        let group = [InterfaceGroup(network.vpnInterface)]
        let control = [plan.hostControlPort...plan.hostControlPort]
        let documented = PortSet(plan.forwardedPorts.map { $0...$0 }).ranges
        var found: [Exposure] = []
        found += exposures(
            vpnToOwn, .info, except: PortScan.subtracting(documented, from: Self.every), exceptUDP: Self.every,
            where: { reachesContainer($0) }
        ) {
            "every peer of the VPN, not only the expert, reaches the container's forwarded ports: \($0.ports)\($0.target)"
        }
        found += exposures(
            vpnToOwn, .info, except: PortScan.subtracting(control, from: Self.every), exceptUDP: Self.every,
            where: { $0.isLocal }
        ) {
            "host control is on: every peer of the VPN reaches \($0.ports) of the host\($0.target)"
        }
        found += exposures(vpnToOwn, .warning, except: documented, where: { reachesContainer($0) }) {
            "a VPN peer reaches more of the container than the topology names: \($0.ports)\($0.target)"
        }
        found += exposures(vpnToOwn, .warning, except: control, where: { $0.isLocal }) {
            "a VPN peer reaches the host itself: \($0.ports)\($0.target)"
        }
        found += exposures(vpnToOwn, .warning, where: { !$0.isLocal && !reachesContainer($0) }) {
            "the host forwards \($0.ports), arriving by the VPN\($0.target), to another address than the container's"
        }
        found += exposures(
            scans(by: group, from: peers, to: container ?? .all(.ipv4)), .warning, where: { reachesContainer($0) }
        ) {
            "a VPN peer reaches the container by a static route, past the forwarded ports: \($0.ports)"
        }
        found += exposures(scans(by: group, from: peers, to: outside), .warning, where: { !$0.isForwarded }) {
            "a VPN peer reaches the owner's network or the internet through the host: \($0.ports)"
        }
        return found
    }

    // MARK: From the container

    /// Port 67 is DHCP: the container gets its address from the host.
    private static let dhcp: [ClosedRange<UInt16>] = [67...67]

    private func containerExposures() -> [Exposure] {
        guard isApart else { return [] }
        let group = InterfaceGroup(network.containerInterface)
        let expected = network.addresses.filter { $0.name == network.containerInterface }.map(\.address)
        let toHost = Self.scans(
            evaluator, OwnAddresses(rules.ipv4, network), network, by: group, from: insiders, expected: expected,
            otherwise: insiders)
        var found = exposures(toHost, .warning, exceptUDP: Self.dhcp, where: { $0.isLocal }) {
            "whoever is in the container reaches the host itself: \($0.ports)\($0.target)"
        }
        found += exposures(
            toHost, .info, except: Self.every, exceptUDP: PortScan.subtracting(Self.dhcp, from: Self.every),
            where: { $0.isLocal }
        ) {
            "the container reaches the host's DHCP server, as documented: \($0.ports)\($0.target)"
        }
        // By design, so it is not worth much effort.
        let container = container ?? insiders
        let beyond = lanInterfaces.flatMap { exit in
            scans(by: [group], from: container, to: outside, splits: 4, exit: exit.names[0], isHonest: true)
        }
        found += exposures(beyond, .info, where: { !$0.isForwarded }) {
            "the container reaches the owner's network and the internet, as documented: \($0.ports)"
        }
        found += exposures(
            scans(by: [group], from: container, to: peers, splits: 4, isHonest: true), .info, where: { !$0.isForwarded }
        ) {
            "the container reaches the VPN's machines, as documented: \($0.ports)"
        }
        return found
    }

    // MARK: IPv6

    private func exposures(ipv6: RuleSet) -> [Exposure] {
        if let doubt = ipv6.doubts.first {
            return [Exposure(severity: .warning, summary: "what can be reached over IPv6 is not known: \(doubt)")]
        }
        let evaluator = Evaluator(ipv6, on: network, effort: max(evaluator.walk.budget, 1))
        let anyone = Self.outside(network, .ipv6)
        let own = OwnAddresses(ipv6, network)
        func toOwn(_ group: InterfaceGroup) -> [PortScan] {
            let expected = network.addresses.filter {
                group.names.contains($0.name) && $0.address.family == .ipv6
            }
            return Self.scans(
                evaluator, own, network, by: group, from: anyone, expected: expected.map(\.address), otherwise: anyone)
        }
        let vpn = InterfaceGroup(network.vpnInterface)
        let container = InterfaceGroup(network.containerInterface)
        var found = exposures(lanInterfaces.flatMap(toOwn), .critical, where: { $0.isLocal }) {
            "over IPv6 a LAN neighbour reaches the host itself: \($0.ports) \($0.way)"
        }
        found += exposures(toOwn(vpn), .warning, where: { $0.isLocal }) {
            "over IPv6 a VPN peer reaches the host itself: \($0.ports)\($0.target)"
        }
        if isApart {
            found += exposures(toOwn(container), .warning, where: { $0.isLocal }) {
                "over IPv6 whoever is in the container reaches the host itself: \($0.ports)\($0.target)"
            }
        }
        let through = scans(evaluator, by: lanInterfaces + [vpn], from: anyone, to: anyone)
        found += exposures(through, .warning, where: { !$0.isLocal }) {
            "IPv6 packets are let through to other interfaces: \($0.ports) \($0.way)"
        }
        return found
    }

    // MARK: Rules that a switch leaves behind

    private func duplicates(_ rules: RuleSet) -> [Exposure] {
        var found: [Exposure] = []
        for table in rules.tables {
            for chain in table.chains {
                var counts: [String: Int] = [:]
                for rule in chain.rules {
                    switch rule.target {
                    case .accept, .jump, .goTo, .translateDestination, .redirect: counts[rule.text, default: 0] += 1
                    default: break
                    }
                }
                for rule in chain.rules {
                    guard let count = counts.removeValue(forKey: rule.text), count > 1, found.count < 16 else {
                        continue
                    }
                    found.append(
                        Exposure(
                            severity: .warning,
                            summary:
                                "a rule is there \(count) times, so that switching it off once leaves it in force: "
                                + "\(table.name) \(chain.name): \(rule.text)"))
                }
            }
        }
        return found
    }
}

extension PortScan {
    /// What is in `ranges` and not in `holes`, which are sorted.
    static func subtracting(_ holes: [ClosedRange<UInt16>], from ranges: [ClosedRange<UInt16>]) -> [ClosedRange<UInt16>]
    {
        func set(_ ports: [ClosedRange<UInt16>]) -> AddressSet {
            AddressSet(ports.map { UInt128($0.lowerBound)...UInt128($0.upperBound) })
        }
        return set(ranges).subtracting(set(holes)).ranges.map { UInt16($0.lowerBound)...UInt16($0.upperBound) }
    }
}
