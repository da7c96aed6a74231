public import Core
import FoundationEssentials
import Glibc
import Netfilter
import Platform

/// The host's firewall: the document's rules in the kernel, after the owner's switches and own rules.
///
/// Runs on the host, as root. One process of this toolkit changes something at a time.
public struct HostFirewall: Sendable {
    private let topology: Topology
    private let paths: Paths
    private let server: HostControlServer
    private let tools: HostTools

    /// - Parameters:
    ///   - topology: the addresses, interfaces and ports.
    ///   - paths: where the switches and the owner's rules are kept.
    public init(topology: Topology, paths: Paths) {
        self.topology = topology
        self.paths = paths
        tools = HostTools()
        server = HostControlServer(port: topology.hostControlPort, paths: paths, tools: tools)
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

    /// Input of `iptables-restore` and `ip6tables-restore`, without loading it.
    ///
    /// - Throws: `ScoutError` where the switches or the owner's rules can't be read.
    public func generated() throws(ScoutError) -> (ipv4: String, ipv6: String) {
        let settings = HostSettings(paths)
        if let problem = settings.problems.first { throw problem }
        let rules = settings.generator(topology)
        return (rules.ipv4, rules.ipv6)
    }

    // MARK: Applying

    /// Brings the kernel's rules to what they should be; where they are, it changes nothing.
    ///
    /// What closes waits for nothing: where the switches or some of the owner's rules can't be taken, the rest is loaded
    /// with both switches off, the host's sshd is ended, and only then it throws.
    ///
    /// - Returns: whether anything changed.
    /// - Throws: `ScoutError`: `refused`, `badData`, `io` for the switches and the owner's rules, `busy`, `failed` where the
    ///   kernel refuses.
    public func apply() async throws(ScoutError) -> Bool {
        try guardHost()
        var closing = Closing(topology: topology, server: server, tools: tools, settings: HostSettings(paths))
        let lock = await closing.lock(paths)
        defer { lock?.release() }
        if lock != nil { closing.settings = HostSettings(paths) }
        await closing.run()
        if closing.settings.effective.control, closing.failures.isEmpty {
            // After a restart of the host its sshd follows the switch, too.
            closing.changed = try await server.start() || closing.changed
        }
        try closing.throwFailures()
        return closing.changed
    }

    /// Sets a switch, and brings rules and sshd in line with it.
    ///
    /// - Parameters:
    ///   - name: which switch.
    ///   - enabled: how it shall be.
    /// - Throws: as ``apply()``, and `io`, `cannotCreate` where the switch can't be kept. A switch that could not be turned
    ///   on stays off; one that could not be kept off is off until the next start.
    public func set(_ name: HostSwitch, to enabled: Bool) async throws(ScoutError) -> HostSwitchReport {
        try guardHost()
        return enabled ? try await enable(name) : try await disable(name)
    }

    private func disable(_ name: HostSwitch) async throws(ScoutError) -> HostSwitchReport {
        var closing = Closing(topology: topology, server: server, tools: tools, settings: HostSettings(paths))
        let lock = await closing.lock(paths)
        defer { lock?.release() }
        if lock != nil { closing.settings = HostSettings(paths) }
        closing.changed = closing.settings.switches[name]
        if closing.settings.switchesAreKnown, closing.settings.switches[name] {
            // Remembered before it is done: whatever interrupts this, less is open. Where it can't be, it is done all the same.
            closing.settings.switches[name] = false
            do throws(ScoutError) {
                try closing.settings.switches.save(paths)
            } catch {
                closing.failures.append(
                    ScoutError(
                        error.code,
                        "\(name) is off now, but that can't be kept: the next start turns it on again: \(error)",
                        hint: error.hint))
            }
        }
        await closing.run()
        try closing.throwFailures()
        return report(name, enabled: false, changed: closing.changed, ended: closing.endedSessions)
    }

    private func enable(_ name: HostSwitch) async throws(ScoutError) -> HostSwitchReport {
        let lock = try await HostLock(paths)
        defer { lock.release() }
        let before = HostSettings(paths)
        if let problem = before.problems.first { throw problem }
        var settings = before
        settings.switches[name] = true
        let kernel = try await KernelRules(tools)
        // All or nothing: what the kernel refuses changes nothing.
        for family in KernelRules.families { try await kernel.test(settings.generator(topology), family) }
        do throws(ScoutError) {
            var changed = settings.switches != before.switches
            for family in KernelRules.families {
                changed = try await kernel.load(settings.generator(topology), family) || changed
            }
            changed = try await HostSysctl.apply(topology, tools) || changed
            if name == .control { changed = try await server.start() || changed }
            if settings.switches != before.switches { try settings.switches.save(paths) }
            return report(name, enabled: true, changed: changed, ended: 0)
        } catch {
            var closing = Closing(topology: topology, server: server, tools: tools, settings: before)
            await closing.run()
            if let failure = closing.failures.first {
                throw ScoutError(error.code, "\(error); and what was opened could not be closed: \(failure)")
            }
            throw error
        }
    }

    private func report(_ name: HostSwitch, enabled: Bool, changed: Bool, ended: Int) -> HostSwitchReport {
        HostSwitchReport(
            name: name, enabled: enabled, changed: changed, rulesAreInForce: true,
            port: name == .control ? topology.hostControlPort : nil,
            isListening: name == .control ? server.isListening : nil, endedSessions: ended, problems: [])
    }

    // MARK: Looking

    /// How a switch is set, and whether the kernel's rules are those that belong to it.
    ///
    /// It needs neither the switches' file nor the owner's rules to be right: what can't be read is told.
    public func status(_ name: HostSwitch) async -> HostSwitchReport {
        let (inForce, problems) = await isInForce()
        let settings = HostSettings(paths)
        var enabled = settings.switches[name]
        var letsIn: Bool?
        if !inForce, let seen = try? await report(source: .agent) {
            letsIn = name == .lan ? seen.lan.enabled : seen.hostControl.enabled
        }
        // How it is set is not to be known then; how it is, the kernel says. What can't be looked at may be open.
        if !settings.switchesAreKnown { enabled = letsIn ?? true }
        var status = HostSwitchReport(
            name: name, enabled: enabled, changed: false, rulesAreInForce: inForce,
            port: name == .control ? topology.hostControlPort : nil,
            isListening: name == .control ? server.isListening : nil, endedSessions: 0,
            problems: problems.map(\.message))
        status.rulesLetIn = letsIn
        return status
    }

    /// Whether the kernel has exactly the rules that ``generated()`` gives, and what keeps that from being known or so.
    public func isInForce() async -> (Bool, problems: [ScoutError]) {
        let settings = HostSettings(paths)
        guard settings.problems.isEmpty else { return (false, settings.problems) }
        do throws(ScoutError) {
            let kernel = try await KernelRules(tools)
            for family in KernelRules.families {
                guard try await kernel.has(settings.generator(topology), family) else { return (false, []) }
            }
            return (HostSysctl.isApplied(topology), [])
        } catch {
            return (false, [error])
        }
    }

    /// The host's rules, evaluated.
    ///
    /// - Parameter source: what the report shall say it is from.
    /// - Throws: `ScoutError` (`refused`) where they can't be read.
    public func report(source: ForwardsReport.Source) async throws(ScoutError) -> ForwardsReport {
        try report(try await tools.run("sh", ["-c", HostListing.script]), source)
    }

    /// The host's rules, evaluated, without what is the owner's alone: what the agent says.
    ///
    /// Blocks the calling thread, for some ten seconds at the most.
    public func redactedReport() -> Result<ForwardsReport, ScoutError> {
        Result { () throws(ScoutError) in
            try report(try tools.runBlocking("sh", ["-c", HostListing.script]), .agent).redacted(topology)
        }
    }

    private func report(
        _ answer: HostTools.Answer?, _ source: ForwardsReport.Source
    ) throws(ScoutError) -> ForwardsReport {
        guard let answer else { throw ScoutError(.failed, "there is no shell here") }
        return try HostListing(answer.output).report(topology, source: source, checkedAt: Date())
    }
}
