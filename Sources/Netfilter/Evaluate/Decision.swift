public import Core

/// A rule as a person finds it: where it stands, its text, and what it has counted.
public struct RuleReference: Hashable, Sendable {
    /// The table, for example `filter`.
    public let table: String
    /// The chain, for example `FORWARD`.
    public let chain: String
    /// Its place in the chain, from 1; 0 is the chain's policy.
    public let number: Int
    /// Exactly as listed; `policy DROP` for a policy.
    public let text: String
    /// Packets it has matched.
    public let packets: UInt64
    /// Their bytes.
    public let bytes: UInt64
    /// What leaves it open whether it matches, where that has a name: `limit`.
    public let variation: String?

    /// `filter FORWARD 6: -A FORWARD -i eth0 -j ACCEPT`
    public var description: String {
        number == 0 ? "\(table) \(chain): \(text)" : "\(table) \(chain) \(number): \(text)"
    }
}

/// What becomes of a connection, and which rule decides it.
public struct Decision: Sendable {
    /// Whether it comes through, in both directions.
    public let verdict: Verdict
    /// The destination ports for which all of this is the same.
    public let constancy: ClosedRange<UInt16>

    private let course: Course
    private let courses: [Course]
    private let rules: RuleSet
    /// Who it holds for, where the one who asks picks what a rule tells apart: `whoever has 192.0.2.7`.
    var condition: String?

    /// - Parameters:
    ///   - courses: what may happen, first that which is to be told.
    ///   - rules: the rules.
    ///   - constancy: the destination ports for which it is the same.
    init(_ courses: [Course], rules: RuleSet, constancy: ClosedRange<UInt16>) {
        course = courses[0]
        self.courses = courses
        verdict = course.verdict
        self.rules = rules
        self.constancy = constancy
    }

    /// Whether it may end at an address: where it is undecided who lets it pass, where it leads may be certain still.
    func mayReach(_ address: AddressSet) -> Bool {
        courses.contains { course in
            if course.verdict == .closed { return false }
            return course.isWild || course.packet.destination.holds(address) != .no
        }
    }

    /// The rule that lets it through, stops it, or leaves it open; `nil` where no rule has a say.
    public var rule: RuleReference? {
        let site = verdict == .unknown && !course.isWild ? course.doubt : course.decider
        return site.map { rules.reference($0) }
    }

    /// The rule that sends it to another address.
    public var forward: RuleReference? { course.forward.map { rules.reference($0) } }

    /// Whether a rule sends it to another address.
    public var isForwarded: Bool { course.isTranslated }

    /// Whether it ends on the host itself.
    public var isLocal: Bool { course.packet.isLocal == .yes }

    /// Where it ends, for people: an address, or a range of them.
    public var address: String { destination.text(rules.family) }

    /// The ports it may end on, where a rule sets one or spreads connections; `nil` is the port that was asked for.
    public var ports: ClosedRange<UInt16>? {
        course.packet.destinationPorts.isAskedFor ? nil : course.packet.destinationPorts.range
    }

    /// Why, in one sentence without a final full stop.
    public var reason: String {
        let what =
            switch course.leg {
            case .opening: ""
            case .answer: "the answer's way back: "
            case .data: "the packets after the first: "
            }
        if let note = course.note { return what + note }
        let whom = condition.map { "open for \($0), " } ?? ""
        guard let rule else {
            return verdict == .open ? whom + "no rule stands in the way" : what + "nothing is known"
        }
        switch verdict {
        case .open: return whom + "let in by \(rule.description)"
        case .closed: return what + "stopped by \(rule.description)"
        case .unknown:
            let cause = rule.variation.map { " for its '\($0)'" } ?? ""
            return what + "it hangs on a rule that may match or not\(cause), \(rule.description)"
        }
    }

    var destination: AddressSet { course.packet.destination }
}

extension RuleSet {
    func reference(_ site: Site) -> RuleReference {
        let table = tables[site.table]
        let chain = table.chains[site.chain]
        guard site.rule >= 0 else {
            let policy = chain.base?.drops.map { $0 ? "policy DROP" : "policy ACCEPT" } ?? "the end of the chain"
            return RuleReference(
                table: table.name, chain: chain.name, number: 0, text: policy, packets: chain.packets,
                bytes: chain.bytes, variation: nil)
        }
        let rule = chain.rules[site.rule]
        return RuleReference(
            table: table.name, chain: chain.name, number: site.rule + 1, text: rule.text, packets: rule.packets,
            bytes: rule.bytes, variation: rule.variation)
    }
}
