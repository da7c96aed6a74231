import ArgumentParser
import Core
import FoundationEssentials
import Host

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
            let (context, complaint) = try CommandContext.onHost(global)
            let firewall = try context.hostFirewall()
            let report = try await firewall.report(source: .agent)
            let (inForce, problems) = await firewall.isInForce()
            let shown = HostForwardingReport(inForce: inForce, problems: problems.map(\.message), report: report)
            try context.output.result(shown) { report.page(style: $0) }
            for problem in problems + [complaint].compactMap({ $0 }) { context.output.remark(problem.message) }
            context.output.remark(
                shown.inForce == true
                    ? "these are scout's rules, complete"
                    : problems.isEmpty
                        ? "these are not scout's rules; scout host forwarding apply loads those"
                        : "whether these are scout's rules is not known until that is fixed")
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
            let (context, complaint) = try CommandContext.onHost(global)
            if dryRun {
                if let complaint { throw complaint }
                let rules = try HostFirewall(topology: context.topology, paths: context.paths).generated()
                return try context.output.result(HostForwardingReport(ipv4: rules.ipv4, ipv6: rules.ipv6)) { _ in
                    HostForwardingReport.page(ipv4: rules.ipv4, ipv6: rules.ipv6)
                }
            }
            let changed = try await context.hostFirewall().apply()
            if let complaint { throw complaint }
            try context.output.result(HostForwardingReport(inForce: true, changed: changed)) { _ in
                [changed ? "the firewall is loaded" : "the firewall was loaded already: nothing changed"]
            }
        }
    }
}

extension CommandContext {
    /// The surroundings of a command of the host's, without the configuration where that can't be read: what closes must
    /// not wait for it.
    ///
    /// - Returns: what is wrong with the configuration, too, to be thrown when all is closed.
    /// - Throws: `ScoutError` where it isn't the configuration alone.
    static func onHost(_ options: GlobalOptions) throws(ScoutError) -> (CommandContext, complaint: ScoutError?) {
        do {
            return (try CommandContext(options), nil)
        } catch {
            var environment = ProcessInfo.processInfo.environment
            environment["SCOUT_CONFIG"] = "/dev/null"
            environment["SCOUT_TARGET"] = nil
            var choices = options.choices
            (choices.configurationFile, choices.target) = (nil, nil)
            guard let plain = try? ScoutSelection(choices, environment: environment) else { throw error }
            return (CommandContext(plain, options), error)
        }
    }

    /// The firewall of this machine, which must be a Bitscout host.
    ///
    /// - Throws: `ScoutError`: `refused` for another machine, and for who is not root; `usage` as ``hostTopology()``.
    func hostFirewall() throws(ScoutError) -> HostFirewall {
        try HostFirewall(topology: selection.topology, paths: selection.paths).guardHost()
        return HostFirewall(topology: try selection.hostTopology(), paths: selection.paths)
    }
}
