import Core
import Host

extension HostForwardingReport {
    /// The rules in the form that the kernel's tools load.
    static func page(ipv4: String, ipv6: String) -> Page {
        let sections = [("# iptables-restore", ipv4), ("# ip6tables-restore", ipv6)]
        return Page(sections.flatMap { [$0] + $1.split(separator: "\n").map(String.init) })
    }
}

extension HostSwitchReport {
    /// How the switch was set.
    var text: String {
        let subject = name == .lan ? "access from the local network" : "host control"
        var text = "\(subject) is \(enabled ? "on" : "off")"
        if let port, let listens = isListening {
            if listens != enabled {
                text +=
                    listens
                    ? ", though a program of the owner's listens on port \(port)"
                    : ", but nothing listens on port \(port)"
            } else if listens {
                text += ", port \(port)"
            }
        }
        if endedSessions > 0 { text += "; \(endedSessions) sessions ended" }
        return text
    }

    /// How the switch is set, and what the kernel's rules make of it.
    var page: Page {
        let problems = problems.map { "both switches count as off until this is fixed: \($0)" }
        let subject = name == .lan ? "the local network" : "the VPN"
        let sense = rulesLetIn.map { $0 ? "which LET \(subject) IN" : "which keep \(subject) out" }
        // Others they can only be called where there is something whole to compare them with.
        let rules = (problems.isEmpty ? "other rules, " : "rules, ") + (sense ?? "maybe open ones")
        let remark = "but the kernel has \(rules): scout host forwarding apply"
        return Page([text] + problems + (rulesAreInForce ? [] : [remark]))
    }
}
