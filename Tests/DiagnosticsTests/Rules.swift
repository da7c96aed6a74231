import Core
import FoundationEssentials
import Host
import Netfilter

/// The firewall of the document, changed as somebody changes it with iptables, and read and evaluated as on a host.
struct Rules {
    private var lines: [String]
    /// Interfaces that are down.
    var down: Set<String> = []

    init(control: Bool = false) {
        lines = RuleGenerator(plan: Topology.documented.firewallPlan, lanIsEnabled: false, controlIsEnabled: control)
            .ipv4
            .split(separator: "\n").map(String.init)
    }

    /// `iptables -D`.
    func without(_ rule: String) -> Rules {
        var rules = self
        rules.lines.removeAll { $0 == "-A \(rule)" }
        return rules
    }

    /// `iptables -I`.
    func inserting(_ rule: String) -> Rules {
        var rules = self
        let chain = rule.prefix { $0 != " " }
        let place = lines.firstIndex { $0.hasPrefix("-A \(chain) ") } ?? 0
        rules.lines.insert("-A \(rule)", at: place)
        return rules
    }

    /// `iptables -F`.
    func flushed(_ chain: String) -> Rules {
        var rules = self
        rules.lines.removeAll { $0.hasPrefix("-A \(chain) ") }
        return rules
    }

    /// What ``HostListing/script`` prints on such a host.
    var listing: Result<HostListing, ScoutError> {
        let links = ["lo", "eth0", "tap0", "ve-container"].map {
            down.contains($0) ? "\($0) 0x1002" : "\($0) 0x1003 1"
        }
        let addresses = [
            "1: lo    inet 127.0.0.1/8 scope host lo", "2: eth0    inet 192.0.2.9/24 scope global eth0",
            "3: tap0    inet 10.1.0.2/24 scope global tap0",
            "4: ve-container    inet 10.0.3.1/24 scope global ve-container",
        ]
        let parts = [
            ("iptables legacy", lines), ("forwarding", ["1"]), ("links", links), ("addresses", addresses),
        ]
        let text = parts.map { "\n#scout \($0.0)\n\($0.1.joined(separator: "\n"))\n\n#scout-status 0\n" }.joined()
        do throws(ScoutError) { return .success(try HostListing(Array(text.utf8))) } catch { return .failure(error) }
    }

    /// What the host says that it forwards.
    func report(_ source: ForwardsReport.Source) -> ForwardsReport {
        do {
            return try listing.get().report(
                .documented, source: source, checkedAt: Date(timeIntervalSince1970: 0))
        } catch {
            fatalError("\(error)")
        }
    }
}
