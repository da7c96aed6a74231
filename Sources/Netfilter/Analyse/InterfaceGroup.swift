/// Interfaces that no rule tells apart: one question answers for all of them.
struct InterfaceGroup {
    /// Their names, at least one.
    private(set) var names: [String]
    private var labels: [String]

    init(_ name: String) {
        names = [name]
        labels = [name]
    }

    /// For people: `eth0, wlan+`.
    var label: String {
        labels.count <= 6 ? labels.joined(separator: ", ") : labels.prefix(5).joined(separator: ", ") + " and others"
    }

    /// The interfaces that face the owner's network, those apart that the kernel treats in another way: given, named by a rule, or fitting the usual patterns.
    static func lan(_ rules: HostRules, _ plan: FirewallPlan, _ network: HostNetwork) -> [InterfaceGroup] {
        let patterns = patterns(of: rules)
        var seen: Set<String> = [network.vpnInterface, network.containerInterface, "lo", ""]
        var found: [(name: String, label: String)] = []
        func add(_ name: String, _ label: String) {
            if found.count < ForwardingAnalysis.maximumInterfaces, name.utf8.count <= 15, seen.insert(name).inserted {
                found.append((name, label))
            }
        }
        for name in network.lanInterfaces { add(name, name) }
        for pattern in patterns where !pattern.isPrefix { add(pattern.text, pattern.text) }
        // A pattern stands for its first card, as one that may come up later: eth+ for eth0.
        for text in plan.lanInterfacePatterns + patterns.filter(\.isPrefix).map(\.text) {
            add(text.dropLast() + "0", text)
        }
        struct Signature: Hashable {
            var fits: [Bool]
            var settings: InterfaceSettings?
            var program: String?
        }
        var groups: [Signature: InterfaceGroup] = [:]
        var order: [Signature] = []
        for (name, label) in found {
            let packed = InterfaceName(name)
            let signature = Signature(
                fits: patterns.map { $0.fits(packed) }, settings: network.settings(name),
                program: network.foreignPrograms[name])
            if groups[signature] == nil {
                groups[signature] = InterfaceGroup(name)
                groups[signature]?.labels = [label]
                order.append(signature)
            } else {
                groups[signature]?.names.append(name)
                groups[signature]?.labels.append(label)
            }
        }
        return order.compactMap { groups[$0] }
    }

    /// Every name and pattern that a rule tells interfaces apart by, in the order of the rules.
    private static func patterns(of rules: HostRules) -> [InterfacePattern] {
        var seen: Set<InterfacePattern> = []
        var found: [InterfacePattern] = []
        for set in [rules.ipv4, rules.ipv6].compactMap({ $0 }) {
            for chain in set.tables.lazy.flatMap(\.chains) {
                for rule in chain.rules {
                    for condition in rule.conditions {
                        switch condition.test {
                        case .inInterface(let patterns), .outInterface(let patterns):
                            found += patterns.filter { seen.insert($0).inserted }
                        default: break
                        }
                    }
                }
            }
        }
        return found
    }
}
