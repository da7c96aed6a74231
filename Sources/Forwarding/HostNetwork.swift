public import Core

/// What the evaluation must know of a host beside its rules: its addresses, where it routes, and which side is the LAN.
public struct HostNetwork: Sendable {
    /// Where packets for a network go.
    public struct Route: Hashable, Sendable {
        /// The network.
        public var destination: CIDR
        /// The interface its packets leave by.
        public var interface: String

        /// - Parameters:
        ///   - destination: the network.
        ///   - interface: the interface its packets leave by.
        public init(destination: CIDR, interface: String) {
            self.destination = destination
            self.interface = interface
        }
    }

    /// The host's own addresses. Others may exist: an address of the LAN side is seldom known to whom the rules are mailed.
    public var addresses: [NetworkInterface]
    /// The routes, in any order; the longest prefix wins. A destination without one leaves by an interface not known.
    public var routes: [Route]
    /// The VPN's interface.
    public var vpnInterface: String
    /// The interface towards the container.
    public var containerInterface: String
    /// The interfaces that face the owner's network. More are taken from the rules and from ``Topology/lanInterfacePatterns``.
    public var lanInterfaces: [String]
    /// Whether the kernel forwards at all (`net.ipv4.ip_forward`, `net.ipv6.conf.all.forwarding`).
    public var forwards = true
    /// Whether loopback addresses can be reached from outside (`net.ipv4.conf.*.route_localnet`).
    public var routesLoopback = false

    /// - Parameters:
    ///   - addresses: the host's own addresses.
    ///   - routes: its routes, in any order.
    ///   - vpnInterface: the VPN's interface.
    ///   - containerInterface: the interface towards the container.
    ///   - lanInterfaces: the interfaces that face the owner's network.
    public init(
        addresses: [NetworkInterface], routes: [Route], vpnInterface: String, containerInterface: String,
        lanInterfaces: [String]
    ) {
        self.addresses = addresses
        self.routes = routes
        self.vpnInterface = vpnInterface
        self.containerInterface = containerInterface
        self.lanInterfaces = lanInterfaces
    }

    /// What a topology alone tells: enough for a rule set that came without its host.
    public init(_ topology: Topology) {
        let own = [
            (topology.vpnInterface, topology.hostVPNAddress),
            (topology.containerInterface, topology.hostContainerAddress),
        ]
        addresses = own.compactMap { name, text in IPAddress(text).map { NetworkInterface(name: name, address: $0) } }
        routes = [
            topology.vpnNetwork.map { Route(destination: $0, interface: topology.vpnInterface) },
            topology.containerNetwork.map { Route(destination: $0, interface: topology.containerInterface) },
        ].compactMap { $0 }
        vpnInterface = topology.vpnInterface
        containerInterface = topology.containerInterface
        lanInterfaces = []
    }

    /// The host's own addresses, loopback included.
    func local(_ family: RuleSet.Family) -> AddressSet {
        let own = addresses.map(\.address).filter { $0.family == family }.map { $0.number...$0.number }
        return AddressSet(own + Self.loopback(family).ranges)
    }

    /// 127.0.0.0/8, or ::1.
    static func loopback(_ family: RuleSet.Family) -> AddressSet {
        family == .ipv4 ? AddressSet([0x7f00_0000...0x7fff_ffff]) : AddressSet([1...1])
    }

    /// Addresses that no unicast packet has: 0.0.0.0/8 and from 224.0.0.0 on; `::` and ff00::/8.
    static func neverUnicast(_ family: RuleSet.Family) -> AddressSet {
        family == .ipv4
            ? AddressSet([0...0x00ff_ffff, 0xe000_0000...0xffff_ffff])
            : AddressSet([0...0, (0xff << 120)...UInt128.max])
    }

    /// The networks that are routed, each an address range.
    func routed(_ family: RuleSet.Family) -> AddressSet {
        AddressSet(
            routes.filter { $0.destination.address.family == family && $0.destination.prefixLength > 0 }
                .map(\.destination.range))
    }

    /// The interface that packets for these addresses leave by; `nil` where it is not known, or not the same for all.
    func interface(towards destination: AddressSet, family: RuleSet.Family) -> String? {
        let own = routes.filter { $0.destination.address.family == family }
        for route in own.sorted(by: { $0.destination.prefixLength > $1.destination.prefixLength }) {
            switch AddressSet(route.destination).holds(destination) {
            case .yes: return route.interface
            case .maybe: return nil
            case .no: continue
            }
        }
        return nil
    }
}

extension Topology {
    /// How the owner's network cards are named, by pattern, so that one that comes up later is covered too.
    public var lanInterfacePatterns: [String] { ["eth+", "en+", "wlan+", "wl+"] }

    /// The network of the VPN: the 24 bits that all published images use around the host's address.
    public var vpnNetwork: CIDR? { CIDR("\(hostVPNAddress)/24") }

    /// The network between host and container.
    public var containerNetwork: CIDR? { CIDR("\(hostContainerAddress)/24") }

    /// Every TCP port that the host forwards to the container, in order.
    public var forwardedPorts: [UInt16] {
        let all = Set([sshPort]).union(reservedPorts).union(additionalPorts.map(Set.init) ?? [])
        return all.sorted()
    }
}
