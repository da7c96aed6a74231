public import Platform

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
    /// The interfaces that face the owner's network. More are taken from the rules and from ``FirewallPlan/lanInterfacePatterns``.
    public var lanInterfaces: [String]
    /// Whether the kernel forwards IPv4 that comes in by an interface of which ``settings`` says nothing.
    public var forwards = true
    /// Whether the kernel forwards IPv6, by whatever interface (`net.ipv6.conf.all.forwarding`).
    public var forwardsIPv6 = true
    /// Whether loopback addresses can be reached by every interface (`net.ipv4.conf.all.route_localnet`).
    public var routesLoopback = false
    /// What the kernel was told about each interface. Its own `default` is for those that come up later.
    public var settings: [String: InterfaceSettings] = [:]
    /// Interfaces whose packets something sees before the rules do, with the reason: a program, or a filter of `tc`.
    public var foreignPrograms: [String: String] = [:]
    /// Why the routes alone don't tell where packets go, for each family: rules of `ip rule` beside the standard ones.
    public var policyRouting: [RuleSet.Family: String] = [:]
    /// Whether the host's own addresses are looked for before anything else, as by the rule of priority 0.
    public var localComesFirst = true
    /// What nobody told about the host, and what is taken for it, in the user's words.
    public var assumptions: [String] = []

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

    /// What a plan alone tells: enough for a rule set that came without its host.
    public init(_ plan: FirewallPlan) {
        let own = [
            (plan.vpnInterface, plan.hostVPNAddress),
            (plan.containerInterface, plan.hostContainerAddress),
        ]
        addresses = own.compactMap { name, text in IPAddress(text).map { NetworkInterface(name: name, address: $0) } }
        routes = [
            plan.vpnNetwork.map { Route(destination: $0, interface: plan.vpnInterface) },
            plan.containerNetwork.map { Route(destination: $0, interface: plan.containerInterface) },
        ].compactMap { $0 }
        vpnInterface = plan.vpnInterface
        containerInterface = plan.containerInterface
        lanInterfaces = []
        assumptions = [
            "the rules came without their host: forwarding is taken to be on for every interface, loopback addresses out of "
                + "reach, senders unchecked (rp_filter), routing without policies, and no program (XDP, tc) before the rules"
        ]
    }

    /// What holds for an interface; `nil` where nobody told.
    func settings(_ interface: String) -> InterfaceSettings? {
        settings[interface] ?? settings[InterfaceSettings.defaultName]
    }

    /// Whether the kernel forwards what comes in by an interface (`IN_DEV_FORWARD`, `ip6_forward`).
    func forwards(_ interface: String, _ family: RuleSet.Family) -> Bool {
        switch family {
        case .ipv4: settings(interface)?.forwards ?? forwards
        case .ipv6: forwardsIPv6 || settings(interface)?.forcesIPv6Forwarding == true
        }
    }

    /// Whether 127.0.0.0/8 can be reached by an interface (`IN_DEV_NET_ROUTE_LOCALNET`: by it, or by all).
    func routesLoopback(_ interface: String) -> Bool {
        routesLoopback || settings(interface)?.routesLoopback == true
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

/// What the kernel was told about one interface, in `/proc/sys/net/ipv4/conf` and `/proc/sys/net/ipv6/conf`.
public struct InterfaceSettings: Hashable, Sendable {
    /// Whether IPv4 packets that come in by it are forwarded (`forwarding`).
    public var forwards: Bool
    /// Whether IPv4 packets for 127.0.0.0/8 that come in by it are taken (`route_localnet`).
    public var routesLoopback: Bool
    /// Whether IPv6 packets that come in by it are forwarded even where that is off for all (`force_forwarding`).
    public var forcesIPv6Forwarding: Bool
    /// Whether it takes no IPv6 at all (`disable_ipv6`).
    public var refusesIPv6: Bool
    /// Whether an IPv4 packet is dropped whose sender's address is not routed by it (`rp_filter`, where that comes to 1).
    public var checksSources: Bool

    /// What the kernel calls the settings of interfaces that come up later.
    static let defaultName = "default"

    /// - Parameters: one for each property, in their order.
    public init(
        forwards: Bool, routesLoopback: Bool = false, forcesIPv6Forwarding: Bool = false, refusesIPv6: Bool = false,
        checksSources: Bool = false
    ) {
        self.forwards = forwards
        self.routesLoopback = routesLoopback
        self.forcesIPv6Forwarding = forcesIPv6Forwarding
        self.refusesIPv6 = refusesIPv6
        self.checksSources = checksSources
    }
}
