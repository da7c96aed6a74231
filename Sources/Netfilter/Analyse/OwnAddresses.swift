import Platform

/// The host's own addresses: the kernel takes packets for each of them by whatever interface they come (RFC 1122, 3.3.4.2,
/// the weak host model).
struct OwnAddresses {
    /// Addresses that no rule tells apart: one question answers for all of them.
    struct Group {
        fileprivate(set) var addresses: [IPAddress]

        var set: AddressSet { AddressSet(addresses.map { $0.number...$0.number }) }

        /// For people: `10.1.0.2, 10.0.3.1`.
        var label: String {
            addresses.prefix(3).map(\.description).joined(separator: ", ") + (addresses.count > 3 ? " and others" : "")
        }
    }

    private var groups: [Group] = []
    /// IPv6 takes packets for an address of a link by that link only.
    private var linkLocal: [(interface: String, address: IPAddress)] = []
    /// Groups beyond this many are put together, so that rules which tell them apart leave verdicts `unknown`.
    private static let maximumGroups = 32

    init(_ rules: RuleSet, _ network: HostNetwork) {
        let tests = Self.tests(rules)
        var places: [[Bool]: Int] = [:]
        let loopback = HostNetwork.loopback(rules.family)
        var seen: Set<IPAddress> = []
        for own in network.addresses where own.address.family == rules.family {
            let address = AddressSet(own.address)
            if loopback.holds(address) == .yes { continue }
            if Self.linkLocal.holds(address) == .yes, rules.family == .ipv6 {
                linkLocal.append((own.name, own.address))
                continue
            }
            guard seen.insert(own.address).inserted else { continue }
            let signature = tests.map { $0.holds(address) == .yes }
            if let place = places[signature] ?? (groups.count < Self.maximumGroups ? nil : groups.count - 1) {
                groups[place].addresses.append(own.address)
            } else {
                places[signature] = groups.count
                groups.append(Group(addresses: [own.address]))
            }
        }
    }

    /// fe80::/10.
    static let linkLocal = AddressSet([(0xfe80 << 112)...((0xfec0 << 112) - 1)])

    /// The addresses that are taken by any of these interfaces.
    func groups(by interfaces: [String]) -> [Group] {
        groups + linkLocal.filter { interfaces.contains($0.interface) }.map { Group(addresses: [$0.address]) }
    }

    /// Everything that a rule compares an address with.
    private static func tests(_ rules: RuleSet) -> [AddressSet] {
        var found: Set<AddressSet> = []
        for rule in rules.tables.lazy.flatMap(\.chains).flatMap(\.rules) {
            for condition in rule.conditions {
                switch condition.test {
                case .source(let set), .destination(let set): found.insert(set)
                default: break
                }
            }
            if case .translateDestination(let set?, _) = rule.target { found.insert(set) }
        }
        return Array(found)
    }
}
