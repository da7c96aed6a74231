/// What a host's rules forward to the container, and what else can be reached through them.
public struct ForwardingFindings: Hashable, Sendable {
    /// One forwarded port.
    public struct Forward: Hashable, Sendable {
        /// The TCP port on the host's address.
        public var port: UInt16
        /// Where a connection ends: `ADDRESS:PORT`. Where nothing is forwarded, what the plan says should be here.
        public var to: String
        /// Whether an expert reaches the container by it, at whichever of the host's addresses.
        public var vpn: Decision.Verdict
        /// Whether a neighbour of the owner's network does.
        public var lan: Decision.Verdict
        /// Connections that the forwarding rule has counted: it sees only the first packet of each.
        public var packets: UInt64
        /// The bytes of those packets.
        public var bytes: UInt64
        /// Why it is not open, or not known, from the VPN; else from the owner's network where that isn't closed.
        public var reason: String?
        /// The host's address at which the VPN reaches it, where it doesn't at the address of the plan.
        public var vpnAddress: String?
        /// The host's address at which the owner's network reaches it, where that is none of the interface's own.
        public var lanAddress: String?
    }

    /// Something that can be reached and perhaps should not be.
    public struct Exposure: Hashable, Sendable {
        /// How bad it is.
        public enum Severity: Int, Hashable, Sendable, Comparable {
            /// As documented, but good to know.
            case info
            /// More than documented, or not to be known.
            case warning
            /// Open to people who should reach nothing.
            case critical

            /// Whether `left` is the lesser evil.
            public static func < (left: Severity, right: Severity) -> Bool { left.rawValue < right.rawValue }
        }

        /// How bad it is.
        public var severity: Severity
        /// One sentence: who reaches what, and by which rule; without a final full stop.
        public var summary: String
    }

    /// Whether the rules let the VPN reach the port of the host's own sshd; `true` as well where it can't be excluded.
    public let hostControlIsReachable: Bool
    /// A row for each port of the plan, and for each other that the rules forward to the container; by port.
    public let forwards: [Forward]
    /// What else can be reached, the worst first.
    public let exposures: [Exposure]

    /// Whether any forward is open from the owner's network; `true` as well where it can't be excluded.
    public var lanIsLetIn: Bool { forwards.contains { $0.lan != .closed } }

    /// Evaluates a host's rules.
    ///
    /// - Parameters:
    ///   - rules: the rules.
    ///   - plan: the ports and addresses that are meant.
    ///   - network: what is known of the host; `nil` takes what the plan tells.
    public init(evaluating rules: HostRules, plan: FirewallPlan, network: HostNetwork? = nil) {
        let analysis = ForwardingAnalysis(rules, plan: plan, network: network ?? HostNetwork(plan))
        // What matters most first: it must be answered even where the rules are too many for the rest.
        for port in plan.forwardedPorts { _ = analysis.forward(port) }
        let control = analysis.vpnToHost.decision(plan.hostControlPort)
        exposures = analysis.exposures()
        forwards = analysis.ports().map(analysis.forward)
        hostControlIsReachable = control.verdict == .open ? control.isLocal : control.verdict == .unknown
    }
}
