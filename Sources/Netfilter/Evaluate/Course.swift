import Core

/// One way that a connection may go: with rules that are not understood there are several.
struct Course {
    /// Which packet of the connection is on its way.
    enum Leg {
        case opening
        case answer
        case data
    }

    var packet: Packet
    /// Whether it met something after which nothing is certain.
    var isWild = false
    var isStopped = false
    var leg = Leg.opening
    /// The rule that decides.
    var decider: Site?
    /// The rule that translated the destination.
    var forward: Site?
    /// The rule that leaves it open whether a packet passes.
    var doubt: Site?
    /// The rule that leaves it open whether this course is taken.
    var split: Site?
    var sourceTranslated = Ternary.no
    /// A reason that is no rule.
    var note: String?

    init(packet: Packet, isWild: Bool = false, decider: Site? = nil) {
        self.packet = packet
        self.isWild = isWild
        self.decider = decider
    }

    var isOver: Bool { isWild || isStopped }
    var isTranslated: Bool { forward != nil }

    var verdict: Verdict {
        if isWild { return .unknown }
        if isStopped { return .closed }
        return doubt == nil ? .open : .unknown
    }

    /// Ends it for a reason that is no rule.
    mutating func stop(_ reason: String) {
        isStopped = true
        note = reason
    }

    mutating func translate(to addresses: AddressSet?, ports: ClosedRange<UInt16>?, by site: Site) {
        let before = packet
        forward = site
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
        var course = Course(packet: packet, isWild: true)
        course.note = reason
        let isGeneral = walk.budget <= 0 || !rules.doubts.isEmpty || !rules.omissions.isEmpty
        return Decision([course], rules: rules, constancy: isGeneral ? 0 ... .max : walk.constancy)
    }

    /// Makes one decision of what may happen: certain only where every course comes to the same.
    func merge(_ courses: [Course], _ packet: Packet) -> Decision {
        guard let last = courses.last else { return undecided(packet, "nothing is known") }
        func decision(_ course: Course) -> Decision {
            Decision([course] + courses, rules: rules, constancy: walk.constancy)
        }
        if courses.allSatisfy({ $0.verdict == .closed }) { return decision(last) }
        let odd = courses.first {
            $0.verdict != last.verdict || $0.packet.destination != last.packet.destination
                || $0.packet.destinationPorts.range != last.packet.destinationPorts.range
                || $0.packet.isLocal != last.packet.isLocal
        }
        guard let odd else { return decision(last) }
        var doubtful = courses.first { $0.verdict != .closed } ?? last
        doubtful.doubt = odd.split ?? last.split ?? odd.doubt
        return decision(doubtful)
    }
}
