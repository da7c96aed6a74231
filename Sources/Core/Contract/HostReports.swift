/// One of the owner's two switches, by the names that the command line has for them.
public enum HostSwitch: String, Codable, Hashable, Sendable {
    /// Whether the owner's network reaches what the VPN does.
    case lan
    /// Whether the host's own sshd runs and is reachable.
    case control
}

/// One of the owner's switches, as `host lan` and `host control` print it.
public struct HostSwitchReport: Report {
    /// The shape of version 1.
    public static let schema = "scout.host-switch/1"

    /// Which switch.
    public let name: HostSwitch
    /// How it is set; where that can't be read, whether the kernel's rules may let anybody through.
    public let enabled: Bool
    /// Whether anything had to be changed for that.
    public let changed: Bool
    /// Whether the kernel's rules are exactly those that belong to the switches.
    public let rulesAreInForce: Bool
    /// Whether the kernel's rules, where they are others, let in whom the switch is for; `nil` is not known, or they are not.
    public var rulesLetIn: Bool?
    /// The TCP port of the host's sshd; `control` only.
    public let port: UInt16?
    /// Whether something listens there; `control` only.
    public let isListening: Bool?
    /// How many sessions with the host were ended.
    public let endedSessions: Int
    /// Why the switches or the owner's rules can't be taken as they are; both switches count as off meanwhile.
    public let problems: [String]

    /// - Parameters: one for each property, in their order.
    public init(
        name: HostSwitch, enabled: Bool, changed: Bool, rulesAreInForce: Bool, rulesLetIn: Bool? = nil, port: UInt16?,
        isListening: Bool?, endedSessions: Int, problems: [String]
    ) {
        self.name = name
        self.enabled = enabled
        self.changed = changed
        self.rulesAreInForce = rulesAreInForce
        self.rulesLetIn = rulesLetIn
        self.port = port
        self.isListening = isListening
        self.endedSessions = endedSessions
        self.problems = problems
    }
}

/// The host's firewall, as `host forwarding` prints it.
public struct HostForwardingReport: Report {
    /// The shape of version 1.
    public static let schema = "scout.host-forwarding/1"

    /// Whether the kernel has exactly the generated rules.
    public var inForce: Bool?
    /// Why the switches or the owner's rules can't be taken as they are, or the rules not be compared.
    public var problems: [String]?
    /// Whether anything had to be changed for that.
    public var changed: Bool?
    /// What the kernel's rules, whoever made them, come to.
    public var report: ForwardsReport?
    /// Input of `iptables-restore`.
    public var ipv4: String?
    /// Input of `ip6tables-restore`.
    public var ipv6: String?

    /// - Parameters: one for each property, in their order.
    public init(
        inForce: Bool? = nil, problems: [String]? = nil, changed: Bool? = nil, report: ForwardsReport? = nil,
        ipv4: String? = nil,
        ipv6: String? = nil
    ) {
        self.inForce = inForce
        self.problems = problems
        self.changed = changed
        self.report = report
        self.ipv4 = ipv4
        self.ipv6 = ipv6
    }
}
