import Core
import FoundationEssentials
import Host
import Netfilter

extension ForwardsReport {
    /// Evaluates saved rules as `forwards --from` does.
    init(_ ipv4: [UInt8], ipv6: String? = nil, topology: Topology = .documented, network: HostNetwork? = nil) {
        let rules = HostRules(
            ipv4: RuleSet(iptablesSave: ipv4, family: .ipv4),
            ipv6: ipv6.map { RuleSet(iptablesSave: Array($0.utf8), family: .ipv6) })
        self.init(
            evaluating: rules, topology: topology, network: network, source: .file,
            checkedAt: Date(timeIntervalSince1970: 0))
    }

    func row(_ port: UInt16) -> Row? { forwards.first { $0.port == port } }

    func exposures(about words: String...) -> [Exposure] {
        exposures.filter { exposure in words.allSatisfy { exposure.summary.contains($0) } }
    }
}

/// A rule set from a few lines.
func ruleSet(_ text: String, family: RuleSet.Family = .ipv4) -> RuleSet {
    RuleSet(iptablesSave: Array(text.utf8), family: family)
}

extension FirewallPlan {
    static let documented = Topology.documented.firewallPlan
}
