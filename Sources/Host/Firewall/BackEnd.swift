import Core
import Glibc
import Netfilter
import Platform

/// One of the two kernel interfaces that iptables has; rules of both are asked for each packet.
enum BackEnd: String, CaseIterable, Sendable {
    case nft
    case legacy
    /// A host whose iptables is too old to have two.
    case only = ""

    func restore(_ family: RuleSet.Family) -> String { tool(family) + "-restore" }
    func save(_ family: RuleSet.Family) -> String { tool(family) + "-save" }

    private func tool(_ family: RuleSet.Family) -> String {
        (family == .ipv4 ? "iptables" : "ip6tables") + (self == .only ? "" : "-" + rawValue)
    }

    /// Those that this host has.
    static func present(_ tools: HostTools) async throws(ScoutError) -> [BackEnd] {
        var found: [BackEnd] = []
        for backEnd in [BackEnd.nft, .legacy] where try await tools.run(backEnd.restore(.ipv4), ["--version"]) != nil {
            found.append(backEnd)
        }
        if found.isEmpty, try await tools.run(BackEnd.only.restore(.ipv4), ["--version"]) != nil { found = [.only] }
        guard !found.isEmpty else {
            throw ScoutError(.failed, "there is no iptables-restore here", hint: "apt-get install iptables")
        }
        return found
    }

    /// The one that `iptables` itself stands for, so that the host's other tools see our rules.
    static func standard(of present: [BackEnd], _ tools: HostTools) async throws(ScoutError) -> BackEnd {
        guard present.count > 1 else { return present.first ?? .only }
        let version = try await tools.run("iptables", ["--version"])
        return String(decoding: version?.output ?? [], as: UTF8.self).contains("legacy") ? .legacy : .nft
    }

    private func missing(_ tool: String) -> ScoutError {
        ScoutError(.failed, "there is no \(tool) here", hint: "apt-get install iptables")
    }

    /// What is loaded, each line as the tool lists it; empty tables are none.
    func loaded(_ family: RuleSet.Family, _ tools: HostTools) async throws(ScoutError) -> [UInt8] {
        if self == .legacy {
            // Asking would load the modules, and with them empty tables.
            let names = try ScoutError.wrap(File.read("/proc/net/\(family == .ipv4 ? "ip" : "ip6")_tables_names"))
            guard names?.isEmpty == false else { return [] }
        }
        guard let answer = try await tools.run(save(family)) else { throw missing(save(family)) }
        guard answer.status == 0 else {
            throw ScoutError(
                .refused, "the rules can't be read: \(answer.complaint)", hint: "run it as root, on the host")
        }
        return answer.output
    }

    /// Loads a rule set in one transaction.
    ///
    /// - Throws: `ScoutError` (`failed`) where the kernel or the tool refuses; nothing has changed then.
    func load(
        _ text: String, _ family: RuleSet.Family, _ tools: HostTools, onlyTest: Bool = false
    ) async throws(ScoutError) {
        let arguments = (onlyTest ? ["--test"] : []) + (self == .nft ? [] : ["--wait", "5"])
        guard let answer = try await tools.run(restore(family), arguments, input: text, deadline: .seconds(20)) else {
            throw missing(restore(family))
        }
        guard answer.status == 0 else {
            let words = answer.errors.split(separator: "\n").prefix(2).joined(separator: "; ")
            throw ScoutError(
                .failed, "\(restore(family)) refuses the rules: \(words)",
                hint: "scout host forwarding apply --dry-run prints them; look at the owner's rules in firewall.d first"
            )
        }
    }
}
