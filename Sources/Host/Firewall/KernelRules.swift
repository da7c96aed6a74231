import Core
import Glibc
import Netfilter

/// The rules that the kernel has, in every back end of this host.
struct KernelRules {
    private let present: [BackEnd]
    private let standard: BackEnd
    private let tools: HostTools

    /// Finds out which back ends there are.
    ///
    /// - Throws: `ScoutError` (`failed`) where the host has no iptables.
    init(_ tools: HostTools) async throws(ScoutError) {
        self.tools = tools
        present = try await BackEnd.present(tools)
        standard = try await BackEnd.standard(of: present, tools)
    }

    /// The families there are rules for. IPv6 first: it only closes. A kernel without IPv6 has nothing to close.
    static var families: [RuleSet.Family] { (access("/proc/net/if_inet6", F_OK) == 0 ? [.ipv6] : []) + [.ipv4] }

    /// The tables that are ours alone.
    private static let ours: Set = ["filter", "nat"]

    private static func text(_ rules: RuleGenerator, _ family: RuleSet.Family) -> String {
        family == .ipv4 ? rules.ipv4 : rules.ipv6
    }

    private func loaded(_ family: RuleSet.Family, _ backEnd: BackEnd) async throws(ScoutError) -> NormalRules {
        NormalRules(String(decoding: try await backEnd.loaded(family, tools), as: UTF8.self))
    }

    /// Whether exactly these rules are in force.
    func has(_ rules: RuleGenerator, _ family: RuleSet.Family) async throws(ScoutError) -> Bool {
        for backEnd in present {
            let loaded = try await loaded(family, backEnd)
            let isRight =
                backEnd == standard
                ? loaded.holds(NormalRules(Self.text(rules, family))) : loaded.tables.isDisjoint(with: Self.ours)
            if !isRight { return false }
        }
        return true
    }

    /// Has the tools read the rules, and load nothing.
    func test(_ rules: RuleGenerator, _ family: RuleSet.Family) async throws(ScoutError) {
        try await standard.load(Self.text(rules, family), family, tools, onlyTest: true)
    }

    /// Loads one family's rules in one transaction, and empties the tables of the other back end.
    ///
    /// - Returns: whether anything had to be changed.
    /// - Throws: `ScoutError` (`failed`); what was in force still is then.
    func load(_ rules: RuleGenerator, _ family: RuleSet.Family) async throws(ScoutError) -> Bool {
        let text = Self.text(rules, family)
        var changed = false
        if try await !loaded(family, standard).holds(NormalRules(text)) {
            try await standard.load(text, family, tools)
            changed = true
        }
        // A packet passes both back ends: what the other one still holds would be in force beside ours.
        for other in present where other != standard {
            for table in try await loaded(family, other).tables.intersection(Self.ours).sorted() {
                try await other.load(Self.empty(table), family, tools)
                changed = true
            }
        }
        return changed
    }

    private static func empty(_ table: String) -> String {
        let chains =
            table == "nat" ? ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"] : ["INPUT", "FORWARD", "OUTPUT"]
        return "*\(table)\n" + chains.map { ":\($0) ACCEPT [0:0]\n" }.joined() + "COMMIT\n"
    }

    /// Leaves out the owner's files that the tools refuse, and notes them as problems.
    func removeRefused(from settings: inout HostSettings, _ topology: Topology) async {
        for family in Self.families where settings.customRules.contains(where: { $0.family == family }) {
            guard await refusal(of: settings.generator(topology), family) != nil else { continue }
            let files = settings.customRules.filter { $0.family == family }
            settings.customRules.removeAll { $0.family == family }
            // Where the rules are refused without them, they are not to blame.
            if await self.refusal(of: settings.generator(topology), family) != nil {
                settings.customRules += files
                continue
            }
            for file in files {
                var alone = settings.generator(topology)
                alone.customRules.append(file)
                if let refusal = await self.refusal(of: alone, family) {
                    settings.problems.append(Self.problem(file.name, refusal))
                } else {
                    settings.customRules.append(file)
                }
            }
            // Each may be right by itself, and two of them not together.
            if let refusal = await self.refusal(of: settings.generator(topology), family) {
                leaveOut(family, of: &settings, because: refusal)
            }
        }
    }

    /// Leaves out all of the owner's files for one family.
    func leaveOut(_ family: RuleSet.Family, of settings: inout HostSettings, because refusal: ScoutError) {
        let names = settings.customRules.filter { $0.family == family }.map(\.name)
        settings.customRules.removeAll { $0.family == family }
        settings.problems.append(Self.problem(names.joined(separator: ", "), refusal))
    }

    private static func problem(_ files: String, _ refusal: ScoutError) -> ScoutError {
        ScoutError(.badData, "\(files): \(refusal)", hint: "mend or remove it, then: scout host forwarding apply")
    }

    private func refusal(of rules: RuleGenerator, _ family: RuleSet.Family) async -> ScoutError? {
        do throws(ScoutError) {
            try await test(rules, family)
            return nil
        } catch {
            return error
        }
    }
}
