import Core

typealias Exposure = ForwardsReport.Exposure

extension Survey {
    /// What can be reached beside the forwards, the worst first.
    func exposures() -> [Exposure] {
        if let doubt = rules.ipv4.doubts.first {
            return [Exposure(severity: .warning, summary: "what can be reached is not known: \(doubt)")]
        }
        var found = lanExposures() + vpnExposures() + duplicates(rules.ipv4)
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

    /// One sentence for each set of ports that is open, and one where that can't be excluded.
    ///
    /// - Parameters:
    ///   - scans: the question, for each group.
    ///   - severity: how bad an open port is.
    ///   - except: ports that are as they should be.
    ///   - isMeant: which decisions count.
    ///   - sentence: says who reaches what, given the ports and the interfaces.
    private func exposures(
        _ scans: [PortScan], _ severity: Exposure.Severity, except: [ClosedRange<UInt16>] = [],
        where isMeant: (Decision) -> Bool, _ sentence: (_ ports: String, _ interfaces: String) -> String
    ) -> [Exposure] {
        var found: [Exposure] = []
        for verdict in [Verdict.open, .unknown] {
            var labels: [PortSet: [String]] = [:]
            var reasons: [(ports: PortSet, reason: String)] = []
            for scan in scans {
                let ranges = scan.ports { $0.verdict == verdict && isMeant($0) }
                let ports = PortSet(PortScan.subtracting(except, from: ranges))
                guard let first = ports.ranges.first else { continue }
                if labels[ports] == nil { reasons.append((ports, scan.decision(first.lowerBound).reason)) }
                labels[ports, default: []].append(scan.group.label)
            }
            for (ports, reason) in reasons {
                let text = sentence(Self.brief(ports), labels[ports, default: []].joined(separator: ", "))
                found.append(
                    verdict == .open
                        ? Exposure(severity: severity, summary: "\(text) (\(reason))")
                        : Exposure(
                            severity: min(severity, .warning), summary: "it can't be excluded that \(text) (\(reason))")
                )
            }
        }
        return found
    }

    private static func brief(_ ports: PortSet) -> String {
        let first = PortSet(Array(ports.ranges.prefix(12))).text
        return "tcp " + (ports.ranges.count > 12 ? first + " and others" : first)
    }

    // MARK: From the owner's network

    private func lanExposures() -> [Exposure] {
        let container = IPAddress(topology.containerAddress).map { AddressSet($0) } ?? .all(.ipv4)
        let isApart = network.local(.ipv4).holds(container) == .no
        let routed = lanInterfaces.map { PortScan(evaluator, by: $0, from: outside, to: container, isLocal: .no) }
        let toPeers = lanInterfaces.map { PortScan(evaluator, by: $0, from: outside, to: peers, isLocal: .no) }
        let control = topology.hostControlPort
        var found: [Exposure] = []
        if isApart {
            found += exposures(routed, .critical, where: { reachesContainer($0) }) { ports, interfaces in
                "a LAN neighbour reaches the container by a static route: \(ports) by \(interfaces)"
            }
            found += exposures(lanToHost, .critical, except: [control...control], where: { $0.isLocal }) {
                "a LAN neighbour reaches the host itself: \($0) by \($1)"
            }
            found += exposures(
                lanToHost, .warning, except: PortScan.subtracting([control...control], from: [0 ... .max]),
                where: { $0.isLocal }
            ) {
                "host control is open to the LAN: \($0) by \($1)"
            }
        }
        found += exposures(lanToHost, .warning, where: { !$0.isLocal && reachesContainer($0) }) {
            "access from the LAN is on: a neighbour reaches \($0) of the container by \($1)"
        }
        found += exposures(lanToHost, .warning, where: { !$0.isLocal && !reachesContainer($0) }) {
            "the host forwards \($0), arriving by \($1), to another address than the container's"
        }
        found += exposures(toPeers, .critical, where: { !$0.isForwarded }) {
            "a LAN neighbour reaches the VPN's machines through the host: \($0) by \($1)"
        }
        return found
    }

    // MARK: From the VPN

    private func vpnExposures() -> [Exposure] {
        let container = IPAddress(topology.containerAddress).map { AddressSet($0) } ?? .all(.ipv4)
        guard network.local(.ipv4).holds(container) == .no else { return [] }
        let group = InterfaceGroup(network.vpnInterface)
        let routed = [PortScan(evaluator, by: group, from: peers, to: container, isLocal: .no)]
        let beyond = [PortScan(evaluator, by: group, from: peers, to: outside, isLocal: .no)]
        let control = topology.hostControlPort
        let documented = PortSet(topology.forwardedPorts.map { $0...$0 }).ranges
        let others = PortScan.subtracting(documented, from: [0 ... .max])
        let address = IPAddress(topology.hostVPNAddress).map { AddressSet($0) } ?? .all(.ipv4)
        let host = [PortScan(evaluator, by: group, from: peers, to: address, isLocal: .yes)]
        var found: [Exposure] = []
        found += exposures(host, .info, except: others, where: { reachesContainer($0) }) { ports, _ in
            "every peer of the VPN, not only the expert, reaches the container's forwarded ports: \(ports)"
        }
        found += exposures(
            host, .info, except: PortScan.subtracting([control...control], from: [0 ... .max]), where: { $0.isLocal }
        ) { ports, _ in
            "host control is on: every peer of the VPN reaches \(ports) of the host"
        }
        found += exposures(host, .warning, except: documented, where: { reachesContainer($0) }) { ports, _ in
            "a VPN peer reaches more of the container than the topology names: \(ports)"
        }
        found += exposures(host, .warning, except: [control...control], where: { $0.isLocal }) { ports, _ in
            "a VPN peer reaches the host itself: \(ports)"
        }
        found += exposures(host, .warning, where: { !$0.isLocal && !reachesContainer($0) }) { ports, _ in
            "the host forwards \(ports), arriving by the VPN, to another address than the container's"
        }
        found += exposures(routed, .warning, where: { reachesContainer($0) }) { ports, _ in
            "a VPN peer reaches the container by a static route, past the forwarded ports: \(ports)"
        }
        found += exposures(beyond, .warning, where: { !$0.isForwarded }) { ports, _ in
            "a VPN peer reaches the owner's network or the internet through the host: \(ports)"
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
        func scans(_ groups: [InterfaceGroup], isLocal: Ternary) -> [PortScan] {
            groups.map { PortScan(evaluator, by: $0, from: anyone, to: anyone, isLocal: isLocal) }
        }
        let vpn = [InterfaceGroup(network.vpnInterface)]
        var found = exposures(scans(lanInterfaces, isLocal: .yes), .critical, where: { $0.isLocal }) {
            "over IPv6 a LAN neighbour reaches the host itself: \($0) by \($1)"
        }
        found += exposures(scans(vpn, isLocal: .yes), .warning, where: { $0.isLocal }) { ports, _ in
            "over IPv6 a VPN peer reaches the host itself: \(ports)"
        }
        found += exposures(scans(lanInterfaces + vpn, isLocal: .no), .warning, where: { !$0.isLocal }) {
            "IPv6 packets are let through to other interfaces: \($0) by \($1)"
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
