public import Core

/// Writes the firewall of the document, as input of one `iptables-restore` and one `ip6tables-restore`.
///
/// The policy: nothing comes in from the owner's network, nor over IPv6. From the VPN the topology's ports are forwarded to
/// the container, and the host's own sshd is reachable while host control is on. With LAN access on, both hold for the
/// owner's network too. Nothing reaches the container by routing: only what a forward translated is let through. The
/// container reaches the internet and the VPN. The text depends on the topology, the switches and the owner's own
/// rules alone, so that applying it twice changes nothing; each table is replaced whole, in one transaction.
///
/// The stock script's faults are avoided: rules are never inserted twice, interfaces are named by pattern, and there is no
/// moment without a policy. Chain names that existing tools look for stay: `CONTAINER_INCOMING` and `HOST_INCOMING`.
///
/// Owner's rules come from ``CustomRules`` and live in chains of their own, `CUSTOM_…`, which are asked before ours.
public struct RuleGenerator: Sendable {
    /// The addresses, interfaces and ports.
    public var topology: Topology
    /// Whether the owner's network reaches what the VPN does.
    public var lanIsEnabled: Bool
    /// Whether the host's own sshd is reachable.
    public var controlIsEnabled: Bool
    /// The owner's additions, in their order.
    public var customRules: [CustomRules]

    /// - Parameters:
    ///   - topology: the addresses, interfaces and ports.
    ///   - lanIsEnabled: the owner's switch for the local network.
    ///   - controlIsEnabled: the owner's switch for the host itself.
    ///   - customRules: the owner's additions.
    public init(topology: Topology, lanIsEnabled: Bool, controlIsEnabled: Bool, customRules: [CustomRules] = []) {
        self.topology = topology
        self.lanIsEnabled = lanIsEnabled
        self.controlIsEnabled = controlIsEnabled
        self.customRules = customRules
    }

    /// Where forwarded connections may come from.
    private var entrances: [String] {
        [topology.vpnInterface] + (lanIsEnabled ? topology.lanInterfacePatterns : [])
    }

    /// Input of `iptables-restore`, for the tables `nat` and `filter`.
    public var ipv4: String {
        table(
            "nat", .ipv4,
            chains: ["PREROUTING": "ACCEPT", "INPUT": "ACCEPT", "OUTPUT": "ACCEPT", "POSTROUTING": "ACCEPT"],
            own: ["CONTAINER_INCOMING"], rules: natRules)
            + table(
                "filter", .ipv4, chains: ["INPUT": "DROP", "FORWARD": "DROP", "OUTPUT": "ACCEPT"],
                own: ["HOST_INCOMING"],
                rules: filterRules)
    }

    /// Input of `ip6tables-restore`: no way in, and no forwarding; the host itself may use IPv6.
    public var ipv6: String {
        table(
            "filter", .ipv6, chains: ["INPUT": "DROP", "FORWARD": "DROP", "OUTPUT": "ACCEPT"], own: [],
            rules: [
                "-A INPUT -i lo -j ACCEPT",
                "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
            ] + neighbourDiscovery + ["-A INPUT -j CUSTOM_INPUT", "-A FORWARD -j CUSTOM_FORWARD"])
    }

    /// Router advertisements and neighbour discovery (RFC 4861): without them the host has no IPv6 of its own. A hop limit
    /// of 255 shows that they come from the link.
    private var neighbourDiscovery: [String] {
        [134, 135, 136].map {
            "-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type \($0) -m hl --hl-eq 255 -j ACCEPT"
        }
    }

    private var natRules: [String] {
        let container = topology.containerAddress
        return ["-A PREROUTING -j CUSTOM_PREROUTING"]
            + entrances.map { "-A PREROUTING -i \($0) -j CONTAINER_INCOMING" }
            + topology.forwardedPorts.map {
                "-A CONTAINER_INCOMING -p tcp -m tcp --dport \($0) -j DNAT --to-destination \(container):\($0)"
            }
            + ["-A CONTAINER_INCOMING -j RETURN", "-A POSTROUTING -j CUSTOM_POSTROUTING"]
            + ["-A POSTROUTING -s \(container)/32 ! -o \(topology.containerInterface) -j MASQUERADE"]
    }

    private var filterRules: [String] {
        let (container, inner) = (topology.containerAddress, topology.containerInterface)
        // Port 67 is DHCP: the container gets its address from the host.
        let input =
            [
                "-A INPUT -i lo -j ACCEPT",
                "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
                "-A INPUT -m conntrack --ctstate INVALID -j DROP",
                "-A INPUT -p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -m conntrack --ctstate NEW -j DROP",
                "-A INPUT -j CUSTOM_INPUT",
                "-A INPUT -p icmp -m icmp --icmp-type 8 -j ACCEPT",
                "-A INPUT -p icmp -m icmp --icmp-type 11 -j ACCEPT",
                "-A INPUT -i \(inner) -p udp -m udp --dport 67 -j ACCEPT",
            ] + entrances.map { "-A INPUT -i \($0) -j HOST_INCOMING" }
        let host =
            (controlIsEnabled ? ["-A HOST_INCOMING -p tcp -m tcp --dport \(topology.hostControlPort) -j ACCEPT"] : [])
            + ["-A HOST_INCOMING -j RETURN"]
        let forward =
            [
                "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
                "-A FORWARD -m conntrack --ctstate INVALID -j DROP",
                "-A FORWARD -j CUSTOM_FORWARD",
            ]
            // A packet that was sent to the container's own address is not translated, and stays outside.
            + entrances.map {
                "-A FORWARD -d \(container)/32 -i \($0) -o \(inner) -p tcp -m conntrack --ctstate DNAT -j ACCEPT"
            } + ["-A FORWARD -s \(container)/32 -i \(inner) ! -o \(inner) -j ACCEPT"]
        return input + forward + host
    }

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
