import Platform

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
    /// Whether a connection comes through.
    public enum Verdict: Hashable, Sendable {
        case open
        case closed
        /// It hangs on what is not understood, not known, or not the same for all packets of the kind.
        case unknown
    }

    /// Whether it comes through, in both directions.
    public let verdict: Verdict
    /// The destination ports for which all of this is the same.
    public let portsWithSameResult: ClosedRange<UInt16>

    private let path: PacketPath
    private let paths: [PacketPath]
    private let rules: RuleSet
    /// Who it holds for, where the one who asks picks what a rule tells apart: `whoever has 192.0.2.7`.
    var condition: String?

    /// - Parameters:
    ///   - paths: what may happen, first that which is to be told.
    ///   - rules: the rules.
    ///   - portsWithSameResult: the destination ports for which it is the same.
    init(_ paths: [PacketPath], rules: RuleSet, portsWithSameResult: ClosedRange<UInt16>) {
        path = paths[0]
        self.paths = paths
        verdict = path.verdict
        self.rules = rules
        self.portsWithSameResult = portsWithSameResult
    }

    /// Whether it may end at an address: where it is undecided who lets it pass, where it leads may be certain still.
    func mayReach(_ address: AddressSet) -> Bool {
        paths.contains { path in
            if path.verdict == .closed { return false }
            return path.isIndeterminate || path.packet.destination.holds(address) != .no
        }
    }

    /// The rule that lets it through, stops it, or leaves it open; `nil` where no rule has a say.
    public var rule: RuleReference? {
        let location = verdict == .unknown && !path.isIndeterminate ? path.uncertainRule : path.decidingRule
        return location.map { rules.reference($0) }
    }

    /// The rule that sends it to another address.
    public var forward: RuleReference? { path.forward.map { rules.reference($0) } }

    /// Whether a rule sends it to another address.
    public var isForwarded: Bool { path.isTranslated }

    /// Whether it ends on the host itself.
    public var isLocal: Bool { path.packet.isLocal == .yes }

    /// Where it ends, for people: an address, or a range of them.
    public var address: String { destination.text(rules.family) }

    /// The ports it may end on, where a rule sets one or spreads connections; `nil` is the port that was asked for.
    public var ports: ClosedRange<UInt16>? {
        path.packet.destinationPorts.isAskedFor ? nil : path.packet.destinationPorts.range
    }

    /// Why, in one sentence without a final full stop.
    public var reason: String {
        let what =
            switch path.phase {
            case .opening: ""
            case .answer: "the answer's way back: "
            case .data: "the packets after the first: "
            }
        if let note = path.note { return what + note }
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

    var destination: AddressSet { path.packet.destination }
}

extension RuleSet {
    func reference(_ location: RuleLocation) -> RuleReference {
        let table = tables[location.table]
        let chain = table.chains[location.chain]
        guard location.rule >= 0 else {
            let policy = chain.base?.drops.map { $0 ? "policy DROP" : "policy ACCEPT" } ?? "the end of the chain"
            return RuleReference(
                table: table.name, chain: chain.name, number: 0, text: policy, packets: chain.packets,
                bytes: chain.bytes, variation: nil)
        }
        let rule = chain.rules[location.rule]
        return RuleReference(
            table: table.name, chain: chain.name, number: location.rule + 1, text: rule.text, packets: rule.packets,
            bytes: rule.bytes, variation: rule.variation)
    }
}
