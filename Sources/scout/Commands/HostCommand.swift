import ArgumentParser
import Core
import Forwarding

/// `scout host …`: the owner's side, on the LiveOS host.
struct HostCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "host",
        abstract: "On the LiveOS host: its firewall, the owner's two switches, the agent.",
        subcommands: [HostForwardingCommand.self, HostLANCommand.self, HostControlCommand.self, HostAgentCommand.self])
}

/// `scout host forwarding …`: the firewall of the document.
struct HostForwardingCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forwarding", abstract: "The firewall: show it, or load it.",
        subcommands: [Show.self, Apply.self])

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show what the kernel's rules let through now.")
        @OptionGroup var global: GlobalOptions

        func run() async throws {
            let invocation = try Invocation(global)
            let firewall = try invocation.hostFirewall()
            let report = try await firewall.report(source: .agent)
            let shown = HostForwardingReport(inForce: try await firewall.isInForce(), report: report)
            let forPeople = invocation.output.isForPeople
            try invocation.output.result(shown) { report.page(forPeople: forPeople) }
            invocation.output.remark(
                shown.inForce == true
                    ? "these are scout's rules, complete"
                    : "these are not scout's rules; scout host forwarding apply loads those")
        }
    }

    struct Apply: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Load the firewall, IPv4 and IPv6, each in one transaction.",
            discussion: """
                It replaces the tables nat and filter; where they are right already, nothing changes. The owner's own rules \
                in /etc/scout/firewall.d are merged, and never written to (Docs/Firewall.md).
                """)
        @Flag(help: "Print the rules, and load nothing.") var dryRun = false
        @OptionGroup var global: GlobalOptions

        func run() async throws {
            let invocation = try Invocation(global)
            if dryRun {
                let rules = try HostFirewall(topology: invocation.topology, paths: invocation.paths).generated()
                return try invocation.output.result(HostForwardingReport(ipv4: rules.ipv4, ipv6: rules.ipv6)) {
                    let sections = [("# iptables-restore", rules.ipv4), ("# ip6tables-restore", rules.ipv6)]
                    return Page(sections.flatMap { [$0] + $1.split(separator: "\n").map(String.init) })
                }
            }
            let changed = try await invocation.hostFirewall().apply()
            try invocation.output.result(HostForwardingReport(inForce: true, changed: changed)) {
                [changed ? "the firewall is loaded" : "the firewall was loaded already: nothing changed"]
            }
        }
    }
}

extension Invocation {
    /// The firewall of this machine, which must be a Bitscout host.
    ///
    /// - Throws: `ScoutError`: `refused` for another machine, and for who is not root; `usage` as ``hostTopology()``.
    func hostFirewall() throws(ScoutError) -> HostFirewall {
        try HostFirewall(topology: topology, paths: paths).guardHost()
        return HostFirewall(topology: try hostTopology(), paths: paths)
    }
}
