/// One way that a connection may go: with rules that are not understood there are several.
struct PacketPath {
    /// Which packet of the connection is on its way.
    enum Phase {
        case opening
        case answer
        case data
    }

    var packet: Packet
    /// Whether it met something after which nothing is certain.
    var isIndeterminate = false
    var isStopped = false
    var phase = Phase.opening
    /// The rule that decides.
    var decidingRule: RuleLocation?
    /// The rule that translated the destination.
    var forward: RuleLocation?
    /// The rule that leaves it open whether a packet passes.
    var uncertainRule: RuleLocation?
    /// The rule that leaves it open whether this path is taken.
    var split: RuleLocation?
    var sourceTranslated = Ternary.no
    /// A reason that is no rule.
    var note: String?

    init(packet: Packet, isIndeterminate: Bool = false, decidingRule: RuleLocation? = nil) {
        self.packet = packet
        self.isIndeterminate = isIndeterminate
        self.decidingRule = decidingRule
    }

    var isOver: Bool { isIndeterminate || isStopped }
    var isTranslated: Bool { forward != nil }

    var verdict: Decision.Verdict {
        if isIndeterminate { return .unknown }
        if isStopped { return .closed }
        return uncertainRule == nil ? .open : .unknown
    }

    /// Ends it for a reason that is no rule.
    mutating func stop(_ reason: String) {
        isStopped = true
        note = reason
    }

    mutating func translate(to addresses: AddressSet?, ports: ClosedRange<UInt16>?, by location: RuleLocation) {
        let before = packet
        forward = location
        if let addresses { packet.destination = addresses }
        if let ports, packet.hasPorts { packet.destinationPorts = Packet.PortRange(range: ports) }
        switch changesDestination(of: before) {
        case .yes: packet.states.insert(.destinationTranslated)
        case .maybe, .no: break
        }
        if changesDestination(of: before) != .no { packet.possibleStates.insert(.destinationTranslated) }
    }

    /// Whether the packet goes elsewhere than it was sent to.
    func changesDestination(of before: Packet) -> Ternary {
        let sameAddress = packet.destination.holds(before.destination)
        let samePort = PortSet([packet.destinationPorts.range]).holds(before.destinationPorts.range)
        if sameAddress == .no || samePort == .no { return .yes }
        let isOne =
            packet.destination.ranges.allSatisfy { $0.lowerBound == $0.upperBound }
            && packet.destination.ranges.count == 1 && packet.destination == before.destination
        return isOne && packet.destinationPorts.range == before.destinationPorts.range ? .no : .maybe
    }
}

extension Evaluator {
    func undecided(_ packet: Packet, _ reason: String) -> Decision {
        var path = PacketPath(packet: packet, isIndeterminate: true)
        path.note = reason
        let isGeneral = walk.budget <= 0 || !rules.doubts.isEmpty || !rules.omissions.isEmpty
        return Decision([path], rules: rules, portsWithSameResult: isGeneral ? 0 ... .max : walk.portsWithSameResult)
    }

    /// Makes one decision of what may happen: certain only where every path comes to the same.
    func merge(_ paths: [PacketPath], _ packet: Packet) -> Decision {
        guard let last = paths.last else { return undecided(packet, "nothing is known") }
        func decision(_ path: PacketPath) -> Decision {
            Decision([path] + paths, rules: rules, portsWithSameResult: walk.portsWithSameResult)
        }
        if paths.allSatisfy({ $0.verdict == .closed }) { return decision(last) }
        let odd = paths.first {
            $0.verdict != last.verdict || $0.packet.destination != last.packet.destination
                || $0.packet.destinationPorts.range != last.packet.destinationPorts.range
                || $0.packet.isLocal != last.packet.isLocal
        }
        guard let odd else { return decision(last) }
        var doubtful = paths.first { $0.verdict != .closed } ?? last
        doubtful.uncertainRule = odd.split ?? last.split ?? odd.uncertainRule
        return decision(doubtful)
    }
}
