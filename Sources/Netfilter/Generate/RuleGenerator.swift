/// Writes the firewall of the document, as input of one `iptables-restore` and one `ip6tables-restore`.
///
/// The policy: nothing comes in from the owner's network, nor over IPv6. From the VPN the plan's ports are forwarded to
/// the container, and the host's own sshd is reachable while host control is on. With LAN access on, both hold for the
/// owner's network too. Nothing reaches the container by routing: only what a forward translated is let through. The
/// container reaches the internet and the VPN. The text depends on the plan, the switches and the owner's own
/// rules alone, so that applying it twice changes nothing; each table is replaced whole, in one transaction.
///
/// The stock script's faults are avoided: rules are never inserted twice, interfaces are named by pattern, and there is no
/// moment without a policy. Chain names that existing tools look for stay: `CONTAINER_INCOMING` and `HOST_INCOMING`.
///
/// Owner's rules come from ``CustomRules`` and live in chains of their own, `CUSTOM_…`, which are asked before ours.
public struct RuleGenerator: Sendable {
    /// The addresses, interfaces and ports.
    public var plan: FirewallPlan
    /// Whether the owner's network reaches what the VPN does.
    public var lanIsEnabled: Bool
    /// Whether the host's own sshd is reachable.
    public var controlIsEnabled: Bool
    /// The owner's additions, in their order.
    public var customRules: [CustomRules]

    /// - Parameters:
    ///   - plan: the addresses, interfaces and ports.
    ///   - lanIsEnabled: the owner's switch for the local network.
    ///   - controlIsEnabled: the owner's switch for the host itself.
    ///   - customRules: the owner's additions.
    public init(plan: FirewallPlan, lanIsEnabled: Bool, controlIsEnabled: Bool, customRules: [CustomRules] = []) {
        self.plan = plan
        self.lanIsEnabled = lanIsEnabled
        self.controlIsEnabled = controlIsEnabled
        self.customRules = customRules
    }

    /// Where forwarded connections may come from.
    private var entrances: [String] {
        [plan.vpnInterface] + (lanIsEnabled ? plan.lanInterfacePatterns : [])
    }

    /// Whether the owner's rules may let connections through to the container; what it answers must pass then.
    private var ownRulesForward: Bool {
        customRules.contains { $0.part(table: "filter", family: .ipv4).contains { $0.chain != nil || $0.isForwarding } }
    }

    /// Input of `iptables-restore`, for the tables `nat` and `filter`.
    public var ipv4: String {
        table(
            "nat", .ipv4,
            chains: ["PREROUTING": "ACCEPT", "INPUT": "ACCEPT", "OUTPUT": "ACCEPT", "POSTROUTING": "ACCEPT"],
            own: ["CONTAINER_INCOMING"], rules: natRules)
            + table(
                "filter", .ipv4, chains: ["INPUT": "DROP", "FORWARD": "DROP", "OUTPUT": "ACCEPT"],
                own: ["HOST_INCOMING"], rules: inputRules + forwardRules + outputRules)
    }

    /// Input of `ip6tables-restore`: no way in, and no forwarding; the host itself may use IPv6, on its network cards.
    public var ipv6: String {
        let inner = [plan.containerInterface, plan.vpnInterface].filter { $0 != "lo" }
        return table(
            "filter", .ipv6, chains: ["INPUT": "DROP", "FORWARD": "DROP", "OUTPUT": "ACCEPT"], own: [],
            rules: ["-A INPUT -i lo -j ACCEPT"]
                // Whatever the interface of container or VPN is called: no router is there.
                + inner.map { "-A INPUT -i \($0) -p ipv6-icmp -m icmp6 --icmpv6-type 134 -j DROP" }
                + plan.uplinkInterfacePatterns.flatMap { [Self.answers("INPUT -i \($0)")] + neighbourDiscovery($0) }
                + ["-A INPUT -j CUSTOM_INPUT", Self.end("INPUT"), "-A FORWARD -j CUSTOM_FORWARD", Self.unseen])
    }

    /// Router advertisements and neighbour discovery (RFC 4861): without them the host has no IPv6 of its own. A hop limit
    /// of 255 shows that they come from the link.
    private func neighbourDiscovery(_ interface: String) -> [String] {
        [134, 135, 136].map {
            "-A INPUT -i \(interface) -p ipv6-icmp -m icmp6 --icmpv6-type \($0) -m hl --hl-eq 255 -j ACCEPT"
        }
    }

    private var natRules: [String] {
        let container = plan.containerAddress
        return ["-A PREROUTING -j CUSTOM_PREROUTING"]
            + entrances.map { "-A PREROUTING -i \($0) -j CONTAINER_INCOMING" }
            + plan.forwardedPorts.map {
                "-A CONTAINER_INCOMING -p tcp -m tcp --dport \($0) -j DNAT --to-destination \(container):\($0)"
            }
            + ["-A CONTAINER_INCOMING -j RETURN", "-A POSTROUTING -j CUSTOM_POSTROUTING"]
            + ["-A POSTROUTING -s \(container)/32 ! -o \(plan.containerInterface) -j MASQUERADE"]
    }

    // MARK: Established connections

    // What passes because a connection is established passes in one direction: answers to those who were asked. The other
    // direction needs, packet by packet, the rule that lets the connection in. So where a switch goes off, or these
    // rules replace others, the connections that are no longer allowed end with the very load, in both families.

    private static func answers(_ way: String) -> String {
        "-A \(way) -m conntrack --ctstate RELATED,ESTABLISHED --ctdir REPLY -j ACCEPT"
    }

    /// Errors about a connection that was let in (ICMP), which come from the side that asked.
    private static func errors(_ way: String) -> String { "-A \(way) -m conntrack --ctstate RELATED -j ACCEPT" }

    /// At a chain's end: tells the ends of a connection that is no longer allowed. Who has none hears nothing.
    private static func end(_ chain: String) -> String {
        "-A \(chain) -p tcp -m conntrack --ctstate ESTABLISHED -j REJECT --reject-with tcp-reset"
    }

    /// Packets in the midst of a connection that nobody has seen begin.
    private static func strays(_ chain: String) -> [String] {
        [
            "-A \(chain) -m conntrack --ctstate INVALID -j DROP",
            "-A \(chain) -p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -m conntrack --ctstate NEW -j DROP",
        ]
    }

    private var inputRules: [String] {
        let inner = plan.containerInterface
        let outside = [plan.vpnInterface] + plan.uplinkInterfacePatterns
        var rules = ["-A INPUT -i lo -j ACCEPT"] + Self.strays("INPUT")
        rules += ([inner] + outside).map { Self.answers("INPUT -i \($0)") }
        rules += ["-A INPUT -j CUSTOM_INPUT"]
        rules += entrances.flatMap {
            ["-A INPUT -i \($0) -p icmp -m icmp --icmp-type 8 -j ACCEPT", Self.errors("INPUT -i \($0)")]
        }
        // DHCP: the container gets its address from the host.
        rules += ["-A INPUT -i \(inner) -p udp -m udp --dport 67 -j ACCEPT"]
        rules += entrances.map { "-A INPUT -i \($0) -j HOST_INCOMING" }
        rules += [Self.end("INPUT")]
        if controlIsEnabled {
            rules += entrances.map {
                "-A HOST_INCOMING -i \($0) -p tcp -m tcp --dport \(plan.hostControlPort) -j ACCEPT"
            }
        }
        return rules + ["-A HOST_INCOMING -j RETURN"]
    }

    private var forwardRules: [String] {
        let (container, inner) = (plan.containerAddress, plan.containerInterface)
        let outside = [plan.vpnInterface] + plan.uplinkInterfacePatterns
        var rules = Self.strays("FORWARD")
        rules += outside.map { Self.answers("FORWARD -i \($0)") }
        rules += (ownRulesForward ? [""] : entrances.map { " -o \($0)" }).map {
            Self.answers("FORWARD -i \(inner)\($0)")
        }
        rules += ["-A FORWARD -j CUSTOM_FORWARD"]
        rules += entrances.flatMap {
            [
                // A packet that was sent to the container's own address is not translated, and stays outside.
                "-A FORWARD -d \(container)/32 -i \($0) -o \(inner) -p tcp -m conntrack --ctstate DNAT -j ACCEPT",
                Self.errors("FORWARD -i \($0) -o \(inner)"),
            ]
        }
        rules += ["-A FORWARD -s \(container)/32 -i \(inner) ! -o \(inner) -m conntrack --ctdir ORIGINAL -j ACCEPT"]
        return rules + [Self.end("FORWARD")]
    }

    /// The host's own side: its sshd learns too that a session is over. A connection that nobody has seen begin, because
    /// there were no rules yet, would count as the host's own as soon as the host sends something.
    private var outputRules: [String] {
        let closed =
            switch (lanIsEnabled, controlIsEnabled) {
            case (true, true): [String]()
            case (false, true): plan.lanInterfacePatterns.map { "-o \($0)" }
            case (_, false): ["! -o lo"]
            }
        return [Self.unseen]
            + closed.map {
                "-A OUTPUT \($0) -p tcp -m tcp --sport \(plan.hostControlPort) -m conntrack --ctstate ESTABLISHED "
                    + "--ctdir REPLY -j REJECT --reject-with tcp-reset"
            }
    }

    private static let unseen =
        "-A OUTPUT ! -o lo -p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -m conntrack --ctstate NEW "
        + "-j REJECT --reject-with tcp-reset"

    private func table(
        _ name: String, _ family: RuleSet.Family, chains: KeyValuePairs<String, String>, own: [String], rules: [String]
    ) -> String {
        let custom = customRules.flatMap { $0.part(table: name, family: family) }
        let declared = custom.compactMap { $0.chain }
        var lines = ["*\(name)"]
        lines += chains.map { ":\($0.key) \($0.value) [0:0]" }
        let hooks = CustomRules.hooks(table: name, family: family)
        var seen: Set<String> = []
        lines += (own + hooks + declared).filter { seen.insert($0).inserted }.map { ":\($0) - [0:0]" }
        lines += rules + custom.compactMap { $0.rule } + ["COMMIT", ""]
        return lines.joined(separator: "\n")
    }
}
