import Platform

/// Questions about those who pick their address, their source port, or whom they ask: whatever lets one of them in counts.
extension Evaluator {
    /// What becomes of a connection for each pick that a rule tells from others, worst first.
    ///
    /// - Parameters:
    ///   - packet: the packet that opens it, with all that may be picked.
    ///   - picksDestination: whether the destination is picked too.
    ///   - splits: how many more tests may be told apart; what is left when it is 0 is `unknown`, or open where it is for
    ///     those whom no rule names.
    /// - Returns: at least one decision, and the destination ports for which all of them are the same.
    func decisions(
        _ packet: Packet, picksDestination: Bool, splits: inout Int
    ) -> (decisions: [Decision], portsWithSameResult: ClosedRange<UInt16>) {
        if splits <= 0, let known = ofUnnamed(packet, picksDestination) { return ([known], known.portsWithSameResult) }
        var portsWithSameResult: ClosedRange<UInt16> = 0 ... .max
        var found: [Decision] = []
        var unsplit: Decision?
        var waiting = [Pick(packet: packet)]
        var left = min(splits, Self.splitsOfOnePort)
        splits -= left
        while let pick = waiting.popLast() {
            var decision = decide(pick, picksDestination)
            portsWithSameResult = portsWithSameResult.clamped(to: decision.portsWithSameResult)
            guard decision.verdict == .unknown, let cut = walk.cut else {
                decision.condition = pick.words
                found.append(decision)
                continue
            }
            if left > 0 {
                left -= 1
                waiting += pick.parts(cut, rules.family)
            } else {
                unsplit = unsplit ?? decision
            }
        }
        splits += left
        if let unsplit {
            let open = ofUnnamed(packet, picksDestination)
            if let open { portsWithSameResult = portsWithSameResult.clamped(to: open.portsWithSameResult) }
            found.append(open ?? unsplit)
        }
        walk.choice = nil
        return (Self.distinct(found), portsWithSameResult)
    }

    /// What is open for those whom no rule names; `nil` where nothing is for certain.
    private func ofUnnamed(_ packet: Packet, _ picksDestination: Bool) -> Decision? {
        var packet = packet
        packet.source = unnamed(packet.source) ?? packet.source
        packet.sourcePorts.range = unnamed(packet.sourcePorts.range)
        packet.openFlags = 0
        packet.firstHeaders = []
        if picksDestination { packet.destination = unnamed(packet.destination) ?? packet.destination }
        var decision = decide(packet)
        decision.condition = "whoever no rule names"
        return decision.verdict == .open ? decision : nil
    }

    /// One question is split into so many at most, and the others.
    private static let splitsOfOnePort = 12

    private func decide(_ pick: Pick, _ picksDestination: Bool) -> Decision {
        walk.choice = Choice(
            source: pick.packet.source, sourcePorts: pick.packet.sourcePorts.range,
            destination: picksDestination ? pick.packet.destination : nil)
        walk.cut = nil
        return decide(pick.packet)
    }

    /// Puts those together that come to the same, worst first.
    private static func distinct(_ all: [Decision]) -> [Decision] {
        var found: [Decision] = []
        for decision in all {
            let twin = found.firstIndex {
                $0.verdict == decision.verdict && $0.destination == decision.destination
                    && $0.isLocal == decision.isLocal && $0.ports == decision.ports
            }
            guard let twin else {
                found.append(decision)
                continue
            }
            if let words = found[twin].condition, !words.hasSuffix("others") {
                found[twin].condition = words + ", and others"
            }
        }
        if found.count == 1 { found[0].condition = nil }
        let order: [Decision.Verdict] = [.open, .unknown, .closed]
        return order.flatMap { verdict in found.filter { $0.verdict == verdict } }
    }

    /// One of these addresses that no rule names.
    private func unnamed(_ addresses: AddressSet) -> AddressSet? {
        if let known = unnamedAddresses[addresses] { return known }
        let rest = addresses.subtracting(named.addresses).ranges.first.map {
            AddressSet([$0.lowerBound...$0.lowerBound])
        }
        unnamedAddresses[addresses] = .some(rest)
        return rest
    }

    /// One of these source ports that no rule names, or all.
    private func unnamed(_ ports: ClosedRange<UInt16>) -> ClosedRange<UInt16> {
        PortScan.subtracting(named.sourcePorts, from: [ports]).last.map { $0.upperBound...$0.upperBound } ?? ports
    }

    /// Every address and source port that a rule tells from others.
    func namedByRules() -> (addresses: AddressSet, sourcePorts: [ClosedRange<UInt16>]) {
        var addresses: Set<AddressSet> = []
        var ports: Set<PortSet> = []
        for rule in rules.tables.lazy.flatMap(\.chains).flatMap(\.rules) {
            for condition in rule.conditions {
                switch condition.test {
                case .source(let set), .destination(let set): addresses.insert(set)
                case .sourcePorts(let set), .anyPorts(let set): ports.insert(set)
                default: break
                }
            }
        }
        return (AddressSet(addresses.flatMap(\.ranges)), PortSet(ports.flatMap(\.ranges)).ranges)
    }
}

/// A packet with less left to pick, and how that is said.
private struct Pick {
    var packet: Packet
    private var within: [String] = []
    private var without: [String] = []

    init(packet: Packet) {
        self.packet = packet
    }

    /// `whoever has 192.0.2.7`, or `all but 192.0.2.7`.
    var words: String? {
        if !within.isEmpty { return "whoever " + within.joined(separator: " and ") }
        return without.isEmpty ? nil : "all but " + Self.brief(without)
    }

    private static func brief(_ words: [String]) -> String {
        words.prefix(3).joined(separator: ", ") + (words.count > 3 ? " and others" : "")
    }

    private func with(_ change: (inout Pick) -> Void) -> Pick {
        var other = self
        change(&other)
        return other
    }

    /// Those who pass a test, last, and those who don't.
    func parts(_ cut: Cut, _ family: RuleSet.Family) -> [Pick] {
        func text(_ set: AddressSet) -> String {
            Self.brief(set.ranges.map { AddressSet([$0]).text(family) })
        }
        switch cut {
        case .source(let set):
            let rest = packet.source.subtracting(set)
            let some = packet.source.subtracting(rest)
            return [
                with {
                    $0.packet.source = rest
                    $0.without.append(text(some))
                },
                with {
                    $0.packet.source = some
                    $0.within.append((packet.transport == TransportProtocol.udp ? "sends as " : "has ") + text(some))
                },
            ]
        case .destination(let set):
            let rest = packet.destination.subtracting(set)
            let some = packet.destination.subtracting(rest)
            return [
                with { $0.packet.destination = rest },
                with {
                    $0.packet.destination = some
                    $0.within.append("asks for " + text(some))
                },
            ]
        case .tcpFlags(let bits):
            // The last is tried first: a SYN as every system sends it.
            return TCPFlags.ways(bits).reversed().map { flags in
                with {
                    $0.packet.tcpFlags |= flags
                    $0.packet.openFlags &= ~bits
                    if flags != 0 { $0.within.append("sets \(TCPFlags.words(flags)) beside syn") }
                }
            }
        case .firstHeader(let numbers):
            let parts = [false, true].map { isNamed in
                packet.firstHeaders.filter { numbers.contains($0) == isNamed }
            }
            return parts.sorted { !$0.contains(packet.transport) && $1.contains(packet.transport) }.map { headers in
                with {
                    $0.packet.firstHeaders = headers
                    if !headers.contains(packet.transport) {
                        $0.within.append("puts another header of IPv6 before the transport's")
                    }
                }
            }
        case .sourcePorts(let set):
            let all = packet.sourcePorts.range
            let rest = PortScan.subtracting(set.ranges, from: [all])
            let some = PortScan.subtracting(rest, from: [all])
            return rest.map { range in
                with {
                    $0.packet.sourcePorts.range = range
                    $0.without.append("source port " + PortSet(some).text)
                }
            }
                + some.map { range in
                    with {
                        $0.packet.sourcePorts.range = range
                        $0.within.append("sends from port " + PortSet([range]).text)
                    }
                }
        }
    }
}
