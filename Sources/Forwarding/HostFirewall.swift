public import Core
import FoundationEssentials
import Glibc

/// The host's firewall: the document's rules in the kernel, after the owner's switches and own rules.
///
/// Runs on the host, as root. One process of this toolkit changes something at a time.
public struct HostFirewall: Sendable {
    private let topology: Topology
    private let paths: Paths
    private let server: HostControlServer

    /// - Parameters:
    ///   - topology: the addresses, interfaces and ports.
    ///   - paths: where the switches and the owner's rules are kept.
    public init(topology: Topology, paths: Paths) {
        self.topology = topology
        self.paths = paths
        server = HostControlServer(port: topology.hostControlPort, paths: paths)
    }

    /// Refuses a machine that is no Bitscout host: these rules would cut it off, and its own mean something else.
    ///
    /// - Throws: `ScoutError` (`refused`).
    public func guardHost() throws(ScoutError) {
        let isMarked = access("/this_is_host", F_OK) == 0
        let hasContainer = access("/sys/class/net/\(topology.containerInterface)", F_OK) == 0
        guard (isMarked || hasContainer) && !topology.isContainer(NetworkInterface.all()) else {
            throw ScoutError(
                .refused,
                "this machine is not the host of a Bitscout: there is neither /this_is_host nor an interface "
                    + "\(topology.containerInterface)",
                hint: "the owner runs this at the LiveOS' own console")
        }
        guard geteuid() == 0 else {
            throw ScoutError(.refused, "only root may look at the firewall, or change it", hint: "sudo scout host …")
        }
    }

    /// The rules as they should be.
    private func generator(_ switches: HostSwitches) throws(ScoutError) -> RuleGenerator {
        RuleGenerator(
            topology: topology, lanIsEnabled: switches.lan, controlIsEnabled: switches.control,
            customRules: try CustomRules.load(paths))
    }

    /// Input of `iptables-restore` and `ip6tables-restore`, without loading it.
    ///
    /// - Throws: `ScoutError` where the switches or the owner's rules can't be read.
    public func generated() throws(ScoutError) -> (ipv4: String, ipv6: String) {
        let rules = try generator(try HostSwitches.load(paths))
        return (rules.ipv4, rules.ipv6)
    }

    // MARK: Applying

    /// Brings the kernel's rules to what they should be; where they are, it changes nothing.
    ///
    /// - Returns: whether anything changed.
    /// - Throws: `ScoutError`: `refused`, `badData` for the owner's rules, `failed` where the kernel refuses; what was in
    ///   force still is then.
    public func apply() async throws(ScoutError) -> Bool {
        try guardHost()
        return try await HostSwitches.whileLocked(paths) { () async throws(ScoutError) in
            let switches = try HostSwitches.load(paths)
            let changed = try await load(switches)
            // After a restart of the host its sshd follows the switch, too.
            if switches.control { return try await server.start() || changed }
            return changed
        }
    }

    /// Sets a switch, and brings rules and sshd in line with it.
    ///
    /// - Parameters:
    ///   - name: which switch.
    ///   - enabled: how it shall be.
    /// - Throws: as ``apply()``. A switch that could not be turned on stays off.
    public func set(_ name: HostSwitches.Name, to enabled: Bool) async throws(ScoutError) -> HostSwitchReport {
        try guardHost()
        return try await HostSwitches.whileLocked(paths) { () async throws(ScoutError) in
            var switches = try HostSwitches.load(paths)
            let wasDifferent = switches[name] != enabled
            switches[name] = enabled
            // What closes is remembered before it is done, what opens after: whatever interrupts this, less is open.
            if !enabled { try switches.save(paths) }
            var changed = try await load(switches)
            var ended = 0
            if name == .control, enabled {
                do throws(ScoutError) {
                    changed = try await server.start() || changed
                } catch {
                    switches.control = false
                    _ = try await load(switches)
                    throw error
                }
            } else if name == .control, let sessions = try await server.stop() {
                changed = true
                ended = sessions
            }
            if enabled { try switches.save(paths) }
            return HostSwitchReport(
                name: name, enabled: enabled, changed: changed || wasDifferent, rulesAreInForce: true,
                port: name == .control ? topology.hostControlPort : nil,
                isListening: name == .control ? server.isListening : nil, endedSessions: ended)
        }
    }

    /// How a switch is set, and whether the kernel's rules are those that belong to it.
    public func status(_ name: HostSwitches.Name) async throws(ScoutError) -> HostSwitchReport {
        let switches = try HostSwitches.load(paths)
        return HostSwitchReport(
            name: name, enabled: switches[name], changed: false, rulesAreInForce: try await isInForce(),
            port: name == .control ? topology.hostControlPort : nil,
            isListening: name == .control ? server.isListening : nil, endedSessions: 0)
    }

    /// Whether the kernel has exactly the rules that ``generated()`` gives.
    public func isInForce() async throws(ScoutError) -> Bool {
        let rules = try generated()
        let present = try await BackEnd.present()
        let standard = try await BackEnd.standard(of: present)
        for (family, text) in Self.families(rules.ipv4, rules.ipv6) {
            for backEnd in present {
                let loaded = NormalRules(String(decoding: try await backEnd.loaded(family), as: UTF8.self))
                let isRight =
                    backEnd == standard ? loaded.holds(NormalRules(text)) : loaded.tables.isDisjoint(with: Self.ours)
                if !isRight { return false }
            }
        }
        return Self.isForwarding
    }

    /// The tables that are ours alone.
    private static let ours: Set = ["filter", "nat"]

    private static func families(_ ipv4: String, _ ipv6: String) -> [(RuleSet.Family, String)] {
        // IPv6 first: it only closes. A kernel without IPv6 has nothing to close.
        let hasIPv6 = access("/proc/net/if_inet6", F_OK) == 0
        return (hasIPv6 ? [(.ipv6, ipv6)] : []) + [(.ipv4, ipv4)]
    }

    private func load(_ switches: HostSwitches) async throws(ScoutError) -> Bool {
        let rules = try generator(switches)
        let families = Self.families(rules.ipv4, rules.ipv6)
        let present = try await BackEnd.present()
        let standard = try await BackEnd.standard(of: present)
        var changed = false
        for (family, text) in families { try await standard.load(text, family, onlyTest: true) }
        for (family, text) in families {
            let loaded = NormalRules(String(decoding: try await standard.loaded(family), as: UTF8.self))
            if !loaded.holds(NormalRules(text)) {
                try await standard.load(text, family)
                changed = true
            }
            // A packet passes both back ends: what the other one still holds would be in force beside ours.
            for other in present where other != standard {
                let left = NormalRules(String(decoding: try await other.loaded(family), as: UTF8.self)).tables
                for table in left.intersection(Self.ours).sorted() {
                    try await other.load(Self.empty(table), family)
                    changed = true
                }
            }
        }
        return try Self.startForwarding() || changed
    }

    private static func empty(_ table: String) -> String {
        let chains =
            table == "nat" ? ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"] : ["INPUT", "FORWARD", "OUTPUT"]
        return "*\(table)\n" + chains.map { ":\($0) ACCEPT [0:0]\n" }.joined() + "COMMIT\n"
    }

    // MARK: Forwarding in the kernel

    private static let forwardingFile = "/proc/sys/net/ipv4/ip_forward"

    private static var isForwarding: Bool { (try? File.read(forwardingFile))?.first == UInt8(ascii: "1") }

    /// Has the kernel forward IPv4, after the rules are there. IPv6 is not forwarded.
    private static func startForwarding() throws(ScoutError) -> Bool {
        if isForwarding { return false }
        let descriptor = open(forwardingFile, O_WRONLY | O_CLOEXEC)
        defer { if descriptor >= 0 { close(descriptor) } }
        guard descriptor >= 0, write(descriptor, "1\n", 2) == 2 else {
            throw ScoutError(.failed, "\(forwardingFile): \(String(cString: strerror(errno)))")
        }
        return true
    }

    // MARK: Looking

    /// The host's rules, evaluated.
    ///
    /// - Parameter source: what the report shall say it is from.
    /// - Throws: `ScoutError` (`refused`) where they can't be read.
    public func report(source: ForwardsReport.Source) async throws(ScoutError) -> ForwardsReport {
        guard let answer = try await HostTool("sh")(["-c", HostListing.script]) else {
            throw ScoutError(.failed, "there is no shell here")
        }
        return try HostListing(answer.output).report(topology, source: source, checkedAt: Date())
    }
}
