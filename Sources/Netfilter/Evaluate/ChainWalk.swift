/// Where a decision falls: a rule, or a chain's policy.
struct RuleLocation: Hashable, Sendable {
    var table: Int
    var chain: Int
    /// The rule's index; -1 is the chain's policy.
    var rule: Int
}

/// One thing that may become of a packet in a chain.
struct Outcome: Sendable {
    enum Kind: Hashable, Sendable {
        case accept
        case drop
        case translateDestination(AddressSet?, ports: ClosedRange<UInt16>?)
        case redirect(ports: ClosedRange<UInt16>?)
        case translateSource
        /// Something that is not understood: nothing after it is certain.
        case anything
    }

    var kind: Kind
    /// The rule, or policy, that does it.
    var location: RuleLocation
    /// The rule that leaves it open whether it comes to this.
    var uncertainRule: RuleLocation?
}

/// What a chain does with a packet: what may be, what is certain after that, and whether it may fall through after all.
struct ChainResult: Sendable {
    var possible: [Outcome] = []
    var certain: Outcome?
    /// The rule that may lead back to the calling chain even where `certain` is set.
    var mayLeave: RuleLocation?

    mutating func add(_ outcome: Outcome, uncertainRule: RuleLocation) {
        var outcome = outcome
        outcome.uncertainRule = outcome.uncertainRule ?? uncertainRule
        if possible.contains(where: { $0.kind == outcome.kind }) { return }
        if possible.count < 16 {
            possible.append(outcome)
        } else {
            // So many ways are no knowledge.
            possible[15].kind = .anything
        }
    }
}

/// What the one who opens a connection picks himself.
struct Choice {
    var source: AddressSet
    var sourcePorts: ClosedRange<UInt16>
    /// `nil` where it is given.
    var destination: AddressSet?
}

/// A test that some of his picks pass and some don't.
enum Cut {
    case source(AddressSet)
    case destination(AddressSet)
    case sourcePorts(PortSet)
    case tcpFlags(UInt8)
    case firstHeader([UInt8])
}

/// Walks packets through the chains of a rule set.
///
/// A chain is walked once for each packet, however often it is jumped to, so that a packet costs at most one step for each
/// rule. Not safe to share between threads.
final class ChainWalk {
    let rules: RuleSet
    /// The destination ports around the one asked for, for which everything walked so far came out the same.
    var portsWithSameResult: ClosedRange<UInt16> = 0 ... .max
    /// How much more work may be done; below zero every answer is ``Outcome/Kind/anything``.
    var budget: Int

    /// What may be picked in the packets that are walked now.
    var choice: Choice?
    /// The first rule's test that hangs on it, since this was last `nil`.
    var cut: Cut?

    private var results: [ChainResult?]
    private var walkOf: [Int]
    private var isInside: [Bool]
    private let offsets: [Int]
    private var currentWalk = 0
    /// Deeper jumps than this are not followed. The kernel's nft stops at 16.
    private static let maximumDepth = 96
    /// What a rule costs that is looked at, where one that is passed by for its port costs 1.
    private static let ruleCost = 8

    init(rules: RuleSet, budget: Int) {
        self.rules = rules
        self.budget = budget
        var offsets: [Int] = []
        var count = 0
        for table in rules.tables {
            offsets.append(count)
            count += table.chains.count
        }
        self.offsets = offsets
        results = Array(repeating: nil, count: count)
        walkOf = Array(repeating: 0, count: count)
        isInside = Array(repeating: false, count: count)
    }

    /// Walks a packet through a base chain, its policy included; the last outcome is the certain one.
    func outcomes(table: Int, chain: Int, base: Chain.Base, packet: Packet) -> [Outcome] {
        currentWalk += 1
        let result = walk(table: table, chain: chain, packet: packet, depth: 0)
        let policyLocation = RuleLocation(table: table, chain: chain, rule: -1)
        let kind: Outcome.Kind = base.drops.map { $0 ? .drop : .accept } ?? .anything
        let policy = Outcome(kind: kind, location: policyLocation)
        guard let certain = result.certain else { return result.possible + [policy] }
        guard let leaving = result.mayLeave else { return result.possible + [certain] }
        return result.possible + [Outcome(kind: kind, location: policyLocation, uncertainRule: leaving), certain]
    }

    private func walk(table: Int, chain: Int, packet: Packet, depth: Int) -> ChainResult {
        let id = offsets[table] + chain
        if walkOf[id] == currentWalk, let known = results[id] { return known }
        let anything = ChainResult(
            certain: Outcome(kind: .anything, location: RuleLocation(table: table, chain: chain, rule: -1)))
        guard depth < Self.maximumDepth, !isInside[id], budget > 0 else { return anything }
        isInside[id] = true
        let result = walkRules(table: table, chain: chain, packet: packet, depth: depth)
        isInside[id] = false
        walkOf[id] = currentWalk
        results[id] = result
        return result
    }

    private func walkRules(table: Int, chain: Int, packet: Packet, depth: Int) -> ChainResult {
        let list = rules.tables[table].chains[chain]
        let hulls = list.portHulls
        let addressHulls = list.addressHulls
        let transports = list.transports
        let transport = packet.transport
        let source = packet.source.hull ?? 0...0
        let destination = packet.destination.hull ?? 0...0
        var result = ChainResult()
        let hasPorts = packet.hasPorts
        let port = packet.destinationPorts
        // What the ports of passed rules leave of that range; kept apart, because this loop is all of the time.
        var below: UInt16 = 0
        var above = UInt16.max
        budget -= list.rules.count
        for index in list.rules.indices {
            if transports[index] != transport, transports[index] != 0 { continue }
            if hasPorts {
                let hull = hulls[index]
                if port.range.upperBound < hull.low {
                    above = min(above, hull.low - 1)
                    continue
                }
                if port.range.lowerBound > hull.high {
                    below = max(below, hull.high + 1)
                    continue
                }
            }
            if !addressHulls[index].source.overlaps(source) || !addressHulls[index].destination.overlaps(destination) {
                continue
            }
            budget -= Self.ruleCost
            let match = matches(list.rules[index], packet)
            if match == .no { continue }
            let location = RuleLocation(table: table, chain: chain, rule: index)
            if apply(list.rules[index].target, at: location, sure: match == .yes, packet, depth: depth, &result) {
                break
            }
        }
        if port.isAskedFor { narrow(below...above) }
        return result
    }

    private func narrow(_ range: ClosedRange<UInt16>) {
        portsWithSameResult =
            max(
                portsWithSameResult.lowerBound, range.lowerBound)...min(
                portsWithSameResult.upperBound, range.upperBound)
    }

    /// - Returns: whether the walk through this chain ends here for certain.
    private func apply(
        _ target: RuleTarget, at location: RuleLocation, sure: Bool, _ packet: Packet, depth: Int,
        _ result: inout ChainResult
    ) -> Bool {
        let kind: Outcome.Kind
        switch target {
        case .continues: return false
        case .leave:
            if !sure { result.mayLeave = result.mayLeave ?? location }
            return sure
        case .jump(let chain), .goTo(let chain):
            let inner = walk(table: location.table, chain: chain, packet: packet, depth: depth + 1)
            for outcome in inner.possible { result.add(outcome, uncertainRule: location) }
            let isGoto = if case .goTo = target { true } else { false }
            let fallsThrough = inner.certain == nil || inner.mayLeave != nil
            if let certain = inner.certain {
                if sure, !fallsThrough {
                    result.certain = certain
                    return true
                }
                result.add(certain, uncertainRule: inner.mayLeave ?? location)
            }
            // Where the chain of a goto ends, the packet returns to whoever called this one.
            guard isGoto, fallsThrough else { return false }
            if sure { return true }
            result.mayLeave = result.mayLeave ?? location
            return false
        case .accept: kind = .accept
        case .drop, .reject: kind = .drop
        case .translateDestination(let addresses, let ports): kind = .translateDestination(addresses, ports: ports)
        case .redirect(let ports): kind = .redirect(ports: ports)
        case .translateSource: kind = .translateSource
        case .notUnderstood:
            result.add(Outcome(kind: .anything, location: location), uncertainRule: location)
            return false
        }
        let outcome = Outcome(kind: kind, location: location)
        if sure {
            result.certain = outcome
        } else {
            result.add(outcome, uncertainRule: location)
        }
        return sure
    }

    private func matches(_ rule: Rule, _ packet: Packet) -> Ternary {
        var answer = Ternary.yes
        let known = cut
        for condition in rule.conditions {
            var one = holds(condition.test, packet)
            if condition.negated { one = !one }
            if one == .no {
                cut = known
                return .no
            }
            answer = min(answer, one)
        }
        return answer
    }

    private func holds(_ test: Condition.Test, _ packet: Packet) -> Ternary {
        switch test {
        case .transport(let numbers): Ternary(numbers.contains(packet.transport))
        case .inInterface(let patterns): fits(patterns, packet.inInterface)
        case .outInterface(let patterns): fits(patterns, packet.outInterface)
        case .source(let addresses): holds(addresses, packet.source)
        case .destination(let addresses): holds(addresses, packet.destination)
        case .destinationIsLocal: packet.isLocal
        case .destinationPorts(let ports): holds(ports, packet, packet.destinationPorts)
        case .sourcePorts(let ports): holds(ports, packet, packet.sourcePorts)
        case .anyPorts(let ports):
            max(holds(ports, packet, packet.sourcePorts), holds(ports, packet, packet.destinationPorts))
        case .tcpFlags(let test):
            packet.transport == TransportProtocol.tcp ? holds(test, packet) : .no
        case .firstHeader(let numbers): holds(firstHeader: numbers, packet)
        case .states(let wanted):
            wanted.isDisjoint(with: packet.states)
                ? (wanted.isDisjoint(with: packet.possibleStates) ? .no : .maybe) : .yes
        case .status(let test, let negated):
            packet.states.status(test, is: !negated, possible: packet.possibleStates)
        case .icmp(let types, let codes):
            Ternary(!packet.hasPorts && types.contains(packet.icmpType) && codes.contains(0))
        case .fragment: .no
        case .varying, .notUnderstood: .maybe
        }
    }

    private func holds(_ test: BitTest, _ packet: Packet) -> Ternary {
        let answer = test.holds(UInt32(packet.tcpFlags), known: UInt32(~packet.openFlags))
        if answer == .maybe, cut == nil, choice != nil {
            cut = .tcpFlags(UInt8(truncatingIfNeeded: test.mask) & packet.openFlags)
        }
        return answer
    }

    private func holds(firstHeader numbers: [UInt8], _ packet: Packet) -> Ternary {
        let candidates = packet.firstHeaders.isEmpty ? [packet.transport] : packet.firstHeaders
        let count = candidates.count { numbers.contains($0) }
        if count == 0 || count == candidates.count { return Ternary(count > 0) }
        if cut == nil, choice != nil { cut = .firstHeader(numbers) }
        return .maybe
    }

    private func fits(_ patterns: [InterfacePattern], _ name: InterfaceName?) -> Ternary {
        guard let name else { return patterns.contains(where: \.fitsAll) ? .yes : patterns.isEmpty ? .no : .maybe }
        return Ternary(patterns.contains { $0.fits(name) })
    }

    private func holds(_ addresses: AddressSet, _ candidates: AddressSet) -> Ternary {
        let answer = addresses.holds(candidates)
        if answer == .maybe, cut == nil, let choice {
            if candidates == choice.source {
                cut = .source(addresses)
            } else if candidates == choice.destination {
                cut = .destination(addresses)
            }
        }
        return answer
    }

    private func holds(_ ports: PortSet, _ packet: Packet, _ candidates: Packet.PortRange) -> Ternary {
        guard packet.hasPorts else { return .no }
        if candidates.isAskedFor {
            narrow(ports.portsWithSameResult(around: candidates.range.lowerBound))
        }
        let answer = ports.holds(candidates.range)
        if answer == .maybe, cut == nil, !candidates.isAskedFor, candidates.range == choice?.sourcePorts {
            cut = .sourcePorts(ports)
        }
        return answer
    }
}
