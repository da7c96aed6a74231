/// Asks one question for all ports: what becomes of a connection from here to there.
///
/// Each answer holds for a range of ports, as far as no rule tells them apart; so all 65,535 cost about as much as the
/// ports that the rules name. Not safe to share between threads.
final class PortScan {
    /// The answers, and the ports they hold for.
    struct Interval {
        var ports: ClosedRange<UInt16>
        var decisions: [Decision]
    }

    /// What the one who asks picks himself.
    enum Picks {
        /// Nothing: the answer is that for all of them.
        case nothing
        /// Where he asks from, and how his packets look: the answer is that for whomever it is best for.
        case source
        case sourceAndDestination
    }

    /// The interfaces the connection may come by: the answer is the same for each.
    let group: InterfaceGroup
    /// The protocol, `tcp` or `udp`.
    var proto: String { opening.transport == TransportProtocol.udp ? "udp" : "tcp" }
    /// The host's address that is asked for, where that is another than one expects.
    let place: String?
    private let evaluator: Evaluator
    private let opening: Packet
    private let picks: Picks
    private var splits: Int
    /// Sorted, and never overlapping.
    private var known: [Interval] = []

    /// - Parameters:
    ///   - evaluator: asked for each port that is not known yet.
    ///   - group: where the connection comes in.
    ///   - source: from whom.
    ///   - destination: to whom.
    ///   - isLocal: whether that is the host itself.
    ///   - transport: TCP or UDP.
    ///   - sourcePorts: what the one who asks may send from: any by default, for whoever is up to no good picks it.
    ///   - picks: what of all that is picked by him.
    ///   - splits: how many picks are told apart; beyond that those whom no rule names stand for all.
    ///   - place: the host's address that is asked for, where that is to be told.
    ///   - exit: the interface the connection leaves by where no route tells.
    init(
        _ evaluator: Evaluator, by group: InterfaceGroup, from source: AddressSet, to destination: AddressSet,
        isLocal: Ternary, transport: UInt8 = TransportProtocol.tcp, sourcePorts: ClosedRange<UInt16> = 1 ... .max,
        picks: Picks = .source, splits: Int = 64, place: String? = nil, exit: String? = nil
    ) {
        self.evaluator = evaluator
        self.group = group
        self.picks = picks
        self.splits = splits
        self.place = place
        var packet = Packet(
            interface: group.names[0], source: source, destination: destination, isLocal: isLocal, port: 0,
            transport: transport)
        packet.sourcePorts.range = sourcePorts
        if picks != .nothing {
            packet.isCrafted = true
            packet.openFlags = transport == TransportProtocol.tcp ? TCPFlags.beside : 0
            packet.firstHeaders =
                evaluator.rules.family == .ipv6 ? [transport] + Packet.extensionHeaders : []
        }
        packet.likelyExit = exit.map { InterfaceName($0) }
        opening = packet
    }

    /// What becomes of a connection to one port; the worst of it where that hangs on what is picked.
    func decision(_ port: UInt16) -> Decision { decisions(port)[0] }

    /// What becomes of connections to one port, for each pick that makes a difference, worst first.
    func decisions(_ port: UInt16) -> [Decision] {
        let index = position(port)
        if index < known.count, known[index].ports.contains(port) { return known[index].decisions }
        var packet = opening
        packet.destinationPorts.range = port...port
        let decisions: [Decision]
        let portsWithSameResult: ClosedRange<UInt16>
        if picks == .nothing {
            decisions = [evaluator.decide(packet)]
            portsWithSameResult = decisions[0].portsWithSameResult
        } else {
            (decisions, portsWithSameResult) = evaluator.decisions(
                packet, picksDestination: picks == .sourceAndDestination, splits: &splits)
        }
        let low = max(portsWithSameResult.lowerBound, index > 0 ? known[index - 1].ports.upperBound + 1 : 0)
        let high = min(portsWithSameResult.upperBound, index < known.count ? known[index].ports.lowerBound - 1 : .max)
        known.insert(Interval(ports: low...high, decisions: decisions), at: index)
        return decisions
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
        for interval in all() where interval.ports.upperBound > 0 && interval.decisions.contains(where: isWanted) {
            found.append(max(1, interval.ports.lowerBound)...interval.ports.upperBound)
        }
        return PortSet(found).ranges
    }
}
