import Core

/// Asks one question for all ports: what becomes of a connection from here to there.
///
/// Each answer holds for a range of ports, as far as no rule tells them apart; so all 65,535 cost about as much as the
/// ports that the rules name. Not safe to share between threads.
final class PortScan {
    /// An answer, and the ports it holds for.
    struct Interval {
        var ports: ClosedRange<UInt16>
        var decision: Decision
    }

    /// The interfaces the connection may come by: the answer is the same for each.
    let group: InterfaceGroup
    private let evaluator: Evaluator
    private let source: AddressSet
    private let destination: AddressSet
    private let isLocal: Ternary
    private let sourcePorts: ClosedRange<UInt16>
    /// Sorted, and never overlapping.
    private var known: [Interval] = []

    /// - Parameters:
    ///   - evaluator: asked for each port that is not known yet.
    ///   - group: where the connection comes in.
    ///   - source: from whom.
    ///   - destination: to whom.
    ///   - isLocal: whether that is the host itself.
    ///   - sourcePorts: what the one who asks may send from: any by default, for whoever is up to no good picks it.
    init(
        _ evaluator: Evaluator, by group: InterfaceGroup, from source: AddressSet, to destination: AddressSet,
        isLocal: Ternary, sourcePorts: ClosedRange<UInt16> = 1 ... .max
    ) {
        self.evaluator = evaluator
        self.group = group
        self.source = source
        self.destination = destination
        self.isLocal = isLocal
        self.sourcePorts = sourcePorts
    }

    /// What becomes of a connection to one port.
    func decision(_ port: UInt16) -> Decision {
        let index = position(port)
        if index < known.count, known[index].ports.contains(port) { return known[index].decision }
        var packet = Packet(
            interface: group.names[0], source: source, destination: destination, isLocal: isLocal, port: port)
        packet.sourcePorts.range = sourcePorts
        let decision = evaluator.decide(packet)
        let low = max(decision.constancy.lowerBound, index > 0 ? known[index - 1].ports.upperBound + 1 : 0)
        let high = min(decision.constancy.upperBound, index < known.count ? known[index].ports.lowerBound - 1 : .max)
        known.insert(Interval(ports: low...high, decision: decision), at: index)
        return decision
    }

    /// The first known interval that ends at this port or after it.
    private func position(_ port: UInt16) -> Int {
        var low = 0
        var high = known.count
        while low < high {
            let middle = (low + high) / 2
            if known[middle].ports.upperBound < port { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// All ports from 1 to 65535, in ranges.
    func all() -> [Interval] {
        var port: UInt16 = 1
        while true {
            _ = decision(port)
            let index = position(port)
            guard index < known.count, known[index].ports.upperBound < .max else { break }
            port = known[index].ports.upperBound + 1
        }
        return known
    }

    /// The ports for which a question is answered with yes.
    func ports(where isWanted: (Decision) -> Bool) -> [ClosedRange<UInt16>] {
        var found: [ClosedRange<UInt16>] = []
        for interval in all() where isWanted(interval.decision) && interval.ports.upperBound > 0 {
            found.append(max(1, interval.ports.lowerBound)...interval.ports.upperBound)
        }
        return PortSet(found).ranges
    }
}
