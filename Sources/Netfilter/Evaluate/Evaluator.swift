import Platform

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
    struct Entry {
        var table: Int
        var chain: Int
        var base: Chain.Base
    }

    /// What holds for an interface that packets come in by.
    struct Entrance {
        var name: String
        var forwards: Bool
        var routesLoopback: Bool
        var refusesIPv6: Bool
        /// Why nothing is known of packets that come in by it.
        var program: String?
    }

    /// What rules tell from others, for ``decisions(_:picksDestination:splits:)``.
    lazy var named = namedByRules()
    var unnamedAddresses: [AddressSet: AddressSet?] = [:]

    private var entrances: [InterfaceName: Entrance] = [:]
    let entries: [Chain.Hook: [Entry]]
    /// The flags of TCP that a rule looks at.
    let flagsLookedAt: UInt8
    /// Connection tracking knows a packet from here on (`NF_IP_PRI_CONNTRACK`).
    private static let trackingPriority = -200
    static let destinationPriority = -100
    static let sourcePriority = 100

    /// - Parameters:
    ///   - rules: the rules.
    ///   - network: the host they are on.
    ///   - effort: how many rules may be looked at in the evaluator's life, before it answers `unknown`.
    public init(_ rules: RuleSet, on network: HostNetwork, effort: Int = 1_000_000_000) {
        self.rules = rules
        self.network = network
        walk = ChainWalk(rules: rules, budget: effort)
        var entries: [Chain.Hook: [Entry]] = [:]
        var flagsLookedAt: UInt32 = 0
        for (table, content) in rules.tables.enumerated() {
            for (chain, list) in content.chains.enumerated() {
                if let base = list.base {
                    entries[base.hook, default: []].append(Entry(table: table, chain: chain, base: base))
                }
                for rule in list.rules {
                    for case .tcpFlags(let test) in rule.conditions.map(\.test) { flagsLookedAt |= test.mask }
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
        self.flagsLookedAt = UInt8(truncatingIfNeeded: flagsLookedAt)
    }

    /// Decides about one connection.
    ///
    /// - Parameter packet: the packet that opens it.
    public func decide(_ packet: Packet) -> Decision {
        walk.portsWithSameResult = 0 ... .max
        if let doubt = rules.doubts.first { return undecided(packet, doubt) }
        if let omission = rules.omissions.first { return undecided(packet, omission.reason) }
        let entrance = entrance(packet.inInterface)
        if let program = entrance?.program { return undecided(packet, program) }
        if rules.family == .ipv6, entrance?.refusesIPv6 == true {
            var path = PacketPath(packet: packet)
            path.stop("\(entrance?.name ?? "the interface") takes no IPv6")
            return Decision([path], rules: rules, portsWithSameResult: walk.portsWithSameResult)
        }
        let paths = arrive(packet).map { finish($0, opening: packet) }
        if walk.budget <= 0 { return undecided(packet, "there are too many rules to walk through in time") }
        return merge(paths, packet)
    }

    // MARK: What holds for an interface

    private func entrance(_ interface: InterfaceName?) -> Entrance? {
        guard let interface else { return nil }
        if let known = entrances[interface] { return known }
        let name = interface.text
        let entrance = Entrance(
            name: name, forwards: network.forwards(name, rules.family),
            routesLoopback: network.routesLoopback(name) && rules.family == .ipv4,
            refusesIPv6: network.settings(name)?.refusesIPv6 ?? false, program: network.foreignPrograms[name])
        entrances[interface] = entrance
        return entrance
    }

    /// Whether the kernel forwards answers that come in by an interface; `nil` is one that is not known.
    func returns(by interface: InterfaceName?) -> Ternary {
        if let entrance = entrance(interface) { return Ternary(entrance.forwards) }
        let every = Set(network.settings.keys.map { network.forwards($0, rules.family) })
        return every.count > 1 ? .maybe : Ternary(every.first ?? network.forwards("", rules.family))
    }

    // MARK: The opening packet

    private func arrive(_ packet: Packet) -> [PacketPath] {
        var paths = [PacketPath(packet: packet)]
        for entry in entries[.prerouting] ?? [] {
            paths = paths.flatMap { path -> [PacketPath] in
                if path.isOver { return [path] }
                if !entry.base.translates { return [filtered(path, entry, decides: false)] }
                return path.isTranslated ? [path] : translated(path, entry)
            }
            // So many ways are no knowledge; the first says so.
            if paths.count > 32 {
                paths = [PacketPath(packet: packet, isIndeterminate: true, decidingRule: paths[0].uncertainRule)]
            }
        }
        return paths
    }

    /// Runs a path's packet through a chain that lets pass or drops.
    ///
    /// - Parameter decides: whether the chain's decision is the one to tell.
    func filtered(_ path: PacketPath, _ entry: Entry, decides: Bool, packet other: Packet? = nil) -> PacketPath {
        var path = path
        var packet = other ?? path.packet
        if entry.base.priority <= Self.trackingPriority, entry.base.hook == .prerouting || entry.base.hook == .output {
            packet.states = .invalid
            packet.possibleStates = .invalid
        }
        let outcomes = walk.outcomes(table: entry.table, chain: entry.chain, base: entry.base, packet: packet)
        guard let last = outcomes.last else { return path }
        var passes = false
        var stops = false
        for outcome in outcomes {
            switch outcome.kind {
            case .accept: passes = true
            case .drop: stops = true
            default:
                path.isIndeterminate = true
                path.decidingRule =
                    outcome.location.rule >= 0 ? outcome.location : outcome.uncertainRule ?? outcome.location
                return path
            }
        }
        if passes, stops {
            let odd = outcomes.first { $0.kind != last.kind }
            path.uncertainRule = path.uncertainRule ?? odd?.uncertainRule ?? last.uncertainRule
        } else if stops {
            path.isStopped = true
            path.decidingRule = last.location
        } else if decides {
            // A rule tells more than a policy, and the filter table more than those around it.
            let known = path.decidingRule?.rule ?? -1
            if last.location.rule >= 0 || known < 0 && entry.base.priority <= 0 { path.decidingRule = last.location }
        }
        return path
    }

    /// Runs a path's packet through a chain that translates its destination.
    private func translated(_ path: PacketPath, _ entry: Entry) -> [PacketPath] {
        let outcomes = walk.outcomes(
            table: entry.table, chain: entry.chain, base: entry.base, packet: path.packet)
        return outcomes.map { outcome in
            var next = path
            if outcomes.count > 1 { next.split = path.split ?? outcome.uncertainRule ?? outcomes[0].uncertainRule }
            switch outcome.kind {
            case .accept: break
            case .drop:
                next.isStopped = true
                next.decidingRule = outcome.location
            case .translateDestination(let addresses, let ports):
                next.translate(to: addresses, ports: ports, by: outcome.location)
                next.packet.isLocal = network.local(rules.family).holds(next.packet.destination)
            case .redirect(let ports):
                next.translate(to: addressesBehind(path.packet), ports: ports, by: outcome.location)
                next.packet.isLocal = .yes
            default:
                next.isIndeterminate = true
                next.decidingRule =
                    outcome.location.rule >= 0 ? outcome.location : outcome.uncertainRule ?? outcome.location
            }
            return next
        }
    }

    /// The addresses a redirected packet may get: those of the interface it came in by.
    private func addressesBehind(_ packet: Packet) -> AddressSet {
        var own = network.addresses.filter {
            $0.address.family == rules.family && InterfaceName($0.name) == packet.inInterface
        }
        // The first of the list (`nf_nat_redirect_ipv4`); IPv6 takes one of the scope that was asked for.
        if rules.family == .ipv4 {
            own = Array(own.prefix(1))
        } else if OwnAddresses.linkLocal.holds(packet.destination) == .no {
            let wide = own.filter { OwnAddresses.linkLocal.holds(AddressSet($0.address)) == .no }
            if !wide.isEmpty { own = wide }
        }
        return own.isEmpty ? .all(rules.family) : AddressSet(own.map { $0.address.number...$0.address.number })
    }

    /// Takes a path from the routing decision to its end, and the connection's other packets after it.
    private func finish(_ start: PacketPath, opening: Packet) -> PacketPath {
        var path = start
        if path.isOver { return path }
        let entrance = entrance(path.packet.inInterface)
        let loopback = HostNetwork.loopback(rules.family).holds(path.packet.destination)
        // IPv6 looks at this before the rules, so that a translated packet gets there (`ip6_rcv_core`).
        let isTooLate = rules.family == .ipv6 && path.isTranslated
        if loopback == .yes, entrance?.routesLoopback != true, !isTooLate,
            path.packet.inInterface != InterfaceName("lo")
        {
            path.stop("the kernel drops what comes for a loopback address from outside")
            return path
        }
        if let reason = network.policyRouting[rules.family] {
            return undirected(path, entrance, reason)
        }
        switch path.packet.isLocal {
        case .maybe:
            path.isIndeterminate = true
            path.note = "whether the destination is the host itself is not known"
        case .yes:
            path = pass(.input, path)
        case .no:
            let name = network.interface(towards: path.packet.destination, family: rules.family)
            path = forward(path, entrance, to: name.map { InterfaceName($0) } ?? path.packet.likelyExit)
        }
        return path.isOver ? path : established(path, opening: opening)
    }

    private func forward(_ start: PacketPath, _ entrance: Entrance?, to exit: InterfaceName?) -> PacketPath {
        var path = start
        if let entrance, !entrance.forwards {
            path.stop("the host does not forward what comes in by \(entrance.name)")
            return path
        }
        path.packet.outInterface = exit
        path = pass(.postrouting, pass(.forward, path))
        if !path.isOver, let program = self.entrance(exit)?.program {
            path.isIndeterminate = true
            path.note = program
        }
        return path
    }

    /// Where it is not known which way the kernel takes, only what is stopped on each of them is certain.
    private func undirected(_ start: PacketPath, _ entrance: Entrance?, _ reason: String) -> PacketPath {
        var path = start
        var ways = [pass(.input, path)]
        if path.packet.isLocal != .yes || !network.localComesFirst {
            ways.append(forward(path, entrance, to: nil))
        }
        if let last = ways.last, ways.allSatisfy(\.isStopped) { return last }
        path.isIndeterminate = true
        path.note = reason
        return path
    }

    /// Runs the opening packet through a hook behind the routing decision.
    private func pass(_ hook: Chain.Hook, _ start: PacketPath) -> PacketPath {
        var path = start
        for entry in entries[hook] ?? [] where !path.isOver {
            if !entry.base.translates {
                var packet = path.packet
                // From here on the kernel no longer says where the packet came in.
                if hook == .postrouting { packet.inInterface = nil }
                path = filtered(path, entry, decides: hook != .postrouting, packet: packet)
            } else if path.sourceTranslated == .no {
                var packet = path.packet
                if hook == .postrouting { packet.inInterface = nil }
                let outcomes = walk.outcomes(
                    table: entry.table, chain: entry.chain, base: entry.base, packet: packet)
                let translations = outcomes.filter { $0.kind == .translateSource }
                if translations.count == outcomes.count {
                    path.sourceTranslated = .yes
                } else if !translations.isEmpty {
                    path.sourceTranslated = .maybe
                }
                if path.sourceTranslated == .yes { path.packet.states.insert(.sourceTranslated) }
                if path.sourceTranslated != .no { path.packet.possibleStates.insert(.sourceTranslated) }
                for outcome in outcomes where outcome.kind != .translateSource && outcome.kind != .accept {
                    path.decidingRule = outcome.uncertainRule ?? outcome.location
                    if outcome.kind == .drop, outcomes.count == 1 {
                        path.isStopped = true
                    } else {
                        path.isIndeterminate = true
                    }
                }
            }
        }
        return path
    }
}
