public import Platform

/// What a firewall is meant to do: the interfaces, addresses and ports of one host and its container.
///
/// ``RuleGenerator`` writes rules for it, ``ForwardingFindings`` compares rules with it.
public struct FirewallPlan: Hashable, Sendable {
    /// The host's address on the VPN, as text.
    public var hostVPNAddress: String
    /// The host's VPN interface.
    public var vpnInterface: String
    /// The network of the VPN; `nil` where its address is no numeric one.
    public var vpnNetwork: CIDR?
    /// The host's address towards the container, as text.
    public var hostContainerAddress: String
    /// The host's interface towards the container.
    public var containerInterface: String
    /// The container's address, as text.
    public var containerAddress: String
    /// The network between host and container; `nil` where its address is no numeric one.
    public var containerNetwork: CIDR?
    /// Every TCP port that the host forwards to the container, in order.
    public var forwardedPorts: [UInt16]
    /// The TCP port of the host's own sshd.
    public var hostControlPort: UInt16
    /// How the owner's network cards are named, by pattern: `eth+`.
    public var lanInterfacePatterns: [String]
    /// The cards by which the host itself reaches its network and the VPN's server, by pattern: those of the LAN, and
    /// others whose network is not the owner's.
    public var uplinkInterfacePatterns: [String]

    /// - Parameters: one for each property, in their order.
    public init(
        hostVPNAddress: String, vpnInterface: String, vpnNetwork: CIDR?, hostContainerAddress: String,
        containerInterface: String, containerAddress: String, containerNetwork: CIDR?, forwardedPorts: [UInt16],
        hostControlPort: UInt16, lanInterfacePatterns: [String], uplinkInterfacePatterns: [String]
    ) {
        self.hostVPNAddress = hostVPNAddress
        self.vpnInterface = vpnInterface
        self.vpnNetwork = vpnNetwork
        self.hostContainerAddress = hostContainerAddress
        self.containerInterface = containerInterface
        self.containerAddress = containerAddress
        self.containerNetwork = containerNetwork
        self.forwardedPorts = forwardedPorts
        self.hostControlPort = hostControlPort
        self.lanInterfacePatterns = lanInterfacePatterns
        self.uplinkInterfacePatterns = uplinkInterfacePatterns
    }
}
