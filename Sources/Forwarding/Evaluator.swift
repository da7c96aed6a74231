import Core

/// Says what the kernel would do with a connection, by walking its packets through the rules.
///
/// The opening packet goes through PREROUTING, the routing decision, and INPUT or FORWARD and POSTROUTING; then the answer
/// and the packets after it do, as parts of an established connection: a connection is open only where all of them pass.
/// What is not understood is never guessed: where it could change the result, the verdict is `unknown`.
/// Not safe to share between threads.
public final class Evaluator {
    let rules: RuleSet
    let network: HostNetwork
    let walk: ChainWalk

    /// A chain that the kernel enters by itself.
    private struct Entry {
        var table: Int
        var chain: Int
        var base: Chain.Base
    }

    private let entries: [Chain.Hook: [Entry]]
    private let looksAtPush: Bool
    /// Connection tracking knows a packet from here on (`NF_IP_PRI_CONNTRACK`).
    private static let trackingPriority = -200
    private static let destinationPriority = -100
    private static let sourcePriority = 100

    /// - Parameters:
    ///   - rules: the rules.
    ///   - network: the host they are on.
    ///   - effort: how many rules may be looked at in the evaluator's life, before it answers `unknown`.
    public init(_ rules: RuleSet, on network: HostNetwork, effort: Int = 1_000_000_000) {
        self.rules = rules
        self.network = network
        walk = ChainWalk(rules: rules, budget: effort)
        var entries: [Chain.Hook: [Entry]] = [:]
        var looksAtPush = false
        for (table, content) in rules.tables.enumerated() {
            for (chain, list) in content.chains.enumerated() {
                if let base = list.base {
                    entries[base.hook, default: []].append(Entry(table: table, chain: chain, base: base))
                }
                for rule in list.rules {
                    for case .tcpFlags(let mask, _) in rule.conditions.map(\.test) where mask & TCPFlags.psh != 0 {
                        looksAtPush = true
                    }
                }
            }
        }
        self.entries = entries.mapValues { list in
            // A stable order: tables of one priority run in the order they were made.
            list.enumerated().sorted {
                let (one, other) = ($0.element.base, $1.element.base)
                return (one.place, one.priority, $0.offset) < (other.place, other.priority, $1.offset)
            }.map(\.element)
        }
        self.looksAtPush = looksAtPush
    }

    /// Decides about one connection.
    ///
    /// - Parameter packet: the packet that opens it.
    public func decide(_ packet: Packet) -> Decision {
        walk.constancy = 0 ... .max
        if let doubt = rules.doubts.first { return undecided(packet, doubt) }
        if let omission = rules.omissions.first { return undecided(packet, omission.reason) }
        let courses = arrive(packet).map { finish($0, opening: packet) }
        if walk.budget <= 0 { return undecided(packet, "there are too many rules to walk through in time") }
        return merge(courses, packet)
    }

    // MARK: The opening packet

    private func arrive(_ packet: Packet) -> [Course] {
        var courses = [Course(packet: packet)]
        for entry in entries[.prerouting] ?? [] {
            courses = courses.flatMap { course -> [Course] in
                if course.isOver { return [course] }
                if !entry.base.translates { return [filtered(course, entry, decides: false)] }
                return course.isTranslated ? [course] : translated(course, entry)
            }
            // So many ways are no knowledge; the first says so.
            if courses.count > 32 { courses = [Course(packet: packet, isWild: true, decider: courses[0].doubt)] }
        }
        return courses
    }

    /// Runs a course's packet through a chain that lets pass or drops.
    ///
    /// - Parameter decides: whether the chain's decision is the one to tell.
    private func filtered(_ course: Course, _ entry: Entry, decides: Bool, packet other: Packet? = nil) -> Course {
        var course = course
        var packet = other ?? course.packet
        if entry.base.priority <= Self.trackingPriority, entry.base.hook == .prerouting || entry.base.hook == .output {
            packet.states = .invalid
            packet.possibleStates = .invalid
        }
        let outcomes = walk.outcomes(table: entry.table, chain: entry.chain, base: entry.base, packet: packet)
        guard let last = outcomes.last else { return course }
        var passes = false
        var stops = false
        for outcome in outcomes {
            switch outcome.kind {
            case .accept: passes = true
            case .drop: stops = true
            default:
                course.isWild = true
                course.decider = outcome.site.rule >= 0 ? outcome.site : outcome.doubt ?? outcome.site
                return course
            }
        }
        if passes, stops {
            let odd = outcomes.first { $0.kind != last.kind }
            course.doubt = course.doubt ?? odd?.doubt ?? last.doubt
        } else if stops {
            course.isStopped = true
            course.decider = last.site
        } else if decides {
            // A rule tells more than a policy, and the filter table more than those around it.
            let known = course.decider?.rule ?? -1
            if last.site.rule >= 0 || known < 0 && entry.base.priority <= 0 { course.decider = last.site }
        }
        return course
    }

    /// Runs a course's packet through a chain that translates its destination.
    private func translated(_ course: Course, _ entry: Entry) -> [Course] {
        let outcomes = walk.outcomes(
            table: entry.table, chain: entry.chain, base: entry.base, packet: course.packet)
        return outcomes.map { outcome in
            var next = course
            if outcomes.count > 1 { next.split = course.split ?? outcome.doubt ?? outcomes[0].doubt }
            switch outcome.kind {
            case .accept: break
            case .drop:
                next.isStopped = true
                next.decider = outcome.site
            case .translateDestination(let addresses, let ports):
                next.translate(to: addresses, ports: ports, by: outcome.site)
                next.packet.isLocal = network.local(rules.family).holds(next.packet.destination)
            case .redirect(let ports):
                next.translate(to: addressesBehind(course.packet), ports: ports, by: outcome.site)
                next.packet.isLocal = .yes
            default:
                next.isWild = true
                next.decider = outcome.site.rule >= 0 ? outcome.site : outcome.doubt ?? outcome.site
            }
            return next
        }
    }

    /// The addresses a redirected packet may get: those of the interface it came in by.
    private func addressesBehind(_ packet: Packet) -> AddressSet {
        let own = network.addresses.filter {
            $0.address.family == rules.family && InterfaceName($0.name) == packet.inInterface
        }
        return own.isEmpty ? .all(rules.family) : AddressSet(own.map { $0.address.number...$0.address.number })
    }

    /// Takes a course from the routing decision to its end, and the connection's other packets after it.
    private func finish(_ start: Course, opening: Packet) -> Course {
        var course = start
        if course.isOver { return course }
        let loopback = HostNetwork.loopback(rules.family).holds(course.packet.destination)
        if loopback == .yes, !network.routesLoopback, course.packet.inInterface != InterfaceName("lo") {
            course.isStopped = true
            course.note = "the kernel drops what comes for a loopback address from outside"
            return course
        }
        switch course.packet.isLocal {
        case .maybe:
            course.isWild = true
            course.note = "whether the destination is the host itself is not known"
        case .yes:
            course = pass(.input, course)
        case .no where !network.forwards:
            course.isStopped = true
            course.note = "the host does not forward packets"
        case .no:
            let name = network.interface(towards: course.packet.destination, family: rules.family)
            course.packet.outInterface = name.map { InterfaceName($0) }
            course = pass(.forward, course)
            course = pass(.postrouting, course)
        }
        return course.isOver ? course : established(course, opening: opening)
    }

    /// Runs the opening packet through a hook behind the routing decision.
    private func pass(_ hook: Chain.Hook, _ start: Course) -> Course {
        var course = start
        for entry in entries[hook] ?? [] where !course.isOver {
            if !entry.base.translates {
                var packet = course.packet
                // From here on the kernel no longer says where the packet came in.
                if hook == .postrouting { packet.inInterface = nil }
                course = filtered(course, entry, decides: hook != .postrouting, packet: packet)
            } else if course.sourceTranslated == .no {
                var packet = course.packet
                if hook == .postrouting { packet.inInterface = nil }
                let outcomes = walk.outcomes(
                    table: entry.table, chain: entry.chain, base: entry.base, packet: packet)
                let translations = outcomes.filter { $0.kind == .translateSource }
                if translations.count == outcomes.count {
                    course.sourceTranslated = .yes
                } else if !translations.isEmpty {
                    course.sourceTranslated = .maybe
                }
                for outcome in outcomes where outcome.kind != .translateSource && outcome.kind != .accept {
                    course.decider = outcome.doubt ?? outcome.site
                    if outcome.kind == .drop, outcomes.count == 1 {
                        course.isStopped = true
                    } else {
                        course.isWild = true
                    }
                }
            }
        }
        return course
    }

    // MARK: The packets after it

    private func established(_ start: Course, opening: Packet) -> Course {
        var course = start
        var extra: ConnectionStates = []
        var possible: ConnectionStates = []
        // An unchanged destination is no translation (`nf_nat_setup_info`).
        if course.isTranslated {
            switch course.changesDestination(of: opening) {
            case .yes: extra.insert(.destinationTranslated)
            case .maybe: possible.insert(.destinationTranslated)
            case .no: break
            }
        }
        switch course.sourceTranslated {
        case .yes: extra.insert(.sourceTranslated)
        case .maybe: possible.insert(.sourceTranslated)
        case .no: break
        }
        let tcp = opening.transport == TransportProtocol.tcp
        let later = !tcp ? [0] : looksAtPush ? [TCPFlags.ack, TCPFlags.ack | TCPFlags.psh] : [TCPFlags.ack]
        for flags in (tcp ? [TCPFlags.syn | TCPFlags.ack] : []) + later {
            course = answer(course, opening: opening, flags: flags, certain: extra, possible: possible)
            if course.isOver { return course }
        }
        for flags in later {
            course = follow(course, opening: opening, flags: flags, certain: extra, possible: possible)
            if course.isOver { return course }
        }
        return course
    }

    /// A packet from the destination back to the one who asked.
    private func answer(
        _ start: Course, opening: Packet, flags: UInt8, certain: ConnectionStates, possible: ConnectionStates
    ) -> Course {
        var course = start
        course.leg = .answer
        let forth = course.packet
        var packet = forth
        packet.source = forth.destination
        packet.destination = opening.source
        packet.sourcePorts = forth.destinationPorts
        packet.destinationPorts = opening.sourcePorts
        packet.icmpType = rules.family == .ipv4 ? 0 : 129
        packet.isLocal = .no
        packet.establish(flags: flags, certain: certain, possible: possible)
        packet.outInterface = opening.inInterface
        if forth.isLocal == .yes {
            packet.inInterface = InterfaceName("")
            course = pass(packet, .output, course)
        } else {
            packet.inInterface = forth.outInterface
            packet.outInterface = InterfaceName("")
            var early = packet
            if course.sourceTranslated != .no {
                // Until the translation is undone the answer goes to whatever address the host lent.
                early.destination = .all(rules.family)
                early.isLocal = .maybe
                early.destinationPorts = Packet.PortRange(range: 0 ... .max)
            }
            course = pass(packet, .prerouting, course) { $0 <= Self.destinationPriority ? early : packet }
            packet.outInterface = opening.inInterface
            course = pass(packet, .forward, course)
        }
        packet.inInterface = nil
        var late = packet
        if course.isTranslated {
            late.source = opening.destination
            late.sourcePorts = opening.destinationPorts
        }
        return pass(packet, .postrouting, course) { $0 >= Self.sourcePriority ? late : packet }
    }

    /// A packet on the way of the opening one, later.
    private func follow(
        _ start: Course, opening: Packet, flags: UInt8, certain: ConnectionStates, possible: ConnectionStates
    ) -> Course {
        var course = start
        course.leg = .data
        var early = opening
        early.establish(flags: flags, certain: certain, possible: possible)
        var packet = course.packet
        packet.establish(flags: flags, certain: certain, possible: possible)
        let arriving = packet
        course = pass(arriving, .prerouting, course) { $0 <= Self.destinationPriority ? early : arriving }
        if packet.isLocal == .yes { return pass(packet, .input, course) }
        course = pass(packet, .forward, course)
        packet.inInterface = nil
        return pass(packet, .postrouting, course)
    }

    /// Runs a packet of the established connection through a hook.
    private func pass(
        _ packet: Packet, _ hook: Chain.Hook, _ start: Course, seenAt seen: ((Int) -> Packet)? = nil
    ) -> Course {
        var course = start
        for entry in entries[hook] ?? [] where !entry.base.translates && !course.isOver {
            course = filtered(course, entry, decides: false, packet: seen?(entry.base.priority) ?? packet)
        }
        return course
    }
}
