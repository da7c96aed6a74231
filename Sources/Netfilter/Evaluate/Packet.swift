public import Platform

/// The packet that opens a connection: what arrives at the host, as far as it is known.
///
/// Addresses and the source port may be sets. A rule that some of them match and some don't makes the verdict `unknown`.
public struct Packet: Sendable {
    /// The interface it came in by; `nil` is not known.
    var inInterface: InterfaceName?
    /// The interface it leaves by; `nil` is not known.
    var outInterface: InterfaceName?
    var source: AddressSet
    var destination: AddressSet
    /// Whether the destination is the host itself.
    var isLocal: Ternary
    var transport: UInt8
    var sourcePorts = PortRange(range: Self.clientPorts)
    var destinationPorts: PortRange
    var tcpFlags = TCPFlags.syn
    /// Bits of the flags that its sender may set or not, as suits him.
    var openFlags: UInt8 = 0
    /// Whether its sender does what no program of the system does, and picks the flags of each packet.
    var isCrafted = false
    /// What IPv6's own header may name as the next one; nothing is the transport alone.
    var firstHeaders: [UInt8] = []
    var icmpType: UInt8 = 8
    /// What connection tracking says for certain, and what it may say.
    var states: ConnectionStates = .new
    var possibleStates: ConnectionStates = .new
    /// The interface it leaves by where no route tells another.
    var likelyExit: InterfaceName?

    /// What an honest client sends from.
    static let clientPorts: ClosedRange<UInt16> = 1024 ... .max

    /// A port, or a range that holds it.
    struct PortRange: Sendable {
        var range: ClosedRange<UInt16>
        /// Whether it is the very port asked about, so that the answer may hold for its neighbours too.
        var isAskedFor = false
    }

    /// A TCP SYN with known addresses.
    ///
    /// - Parameters:
    ///   - interface: the interface it arrives at.
    ///   - source: who sends it.
    ///   - sourcePort: the port it comes from; `nil` is any that a client takes.
    ///   - destination: whom it is for.
    ///   - port: the port it is for.
    ///   - network: tells whether that is the host itself.
    public init(
        tcpFrom source: IPAddress, sourcePort: UInt16? = nil, at interface: String, to destination: IPAddress,
        port: UInt16,
        network: HostNetwork
    ) {
        self.init(
            interface: interface, source: AddressSet(source), destination: AddressSet(destination),
            isLocal: network.local(destination.family).holds(AddressSet(destination)), port: port)
        if let sourcePort { sourcePorts.range = sourcePort...sourcePort }
    }

    /// A UDP datagram with known addresses; the parameters are those of a TCP SYN.
    public init(
        udpFrom source: IPAddress, sourcePort: UInt16? = nil, at interface: String, to destination: IPAddress,
        port: UInt16, network: HostNetwork
    ) {
        self.init(
            tcpFrom: source, sourcePort: sourcePort, at: interface, to: destination, port: port, network: network)
        transport = TransportProtocol.udp
        tcpFlags = 0
    }

    init(
        interface: String, source: AddressSet, destination: AddressSet, isLocal: Ternary, port: UInt16,
        transport: UInt8 = TransportProtocol.tcp
    ) {
        inInterface = InterfaceName(interface)
        outInterface = InterfaceName("")
        self.source = source
        self.destination = destination
        self.isLocal = isLocal
        self.transport = transport
        destinationPorts = PortRange(range: port...port, isAskedFor: true)
    }

    /// Headers that may stand before that of the transport: hop-by-hop options, routing, fragment, destination options
    /// (RFC 8200, 4.1).
    static let extensionHeaders: [UInt8] = [0, 43, 44, 60]

    var hasPorts: Bool {
        transport == TransportProtocol.tcp || transport == TransportProtocol.udp
    }

    /// Makes it a packet of the established connection that it opened.
    ///
    /// - Parameters:
    ///   - flags: its TCP flags.
    ///   - extra: what else is certain.
    ///   - possible: what else may be.
    mutating func establish(flags: UInt8, certain extra: ConnectionStates, possible: ConnectionStates) {
        tcpFlags = flags
        openFlags = 0
        states = extra.union(.established)
        possibleStates = states.union(possible)
    }
}

extension ConnectionStates {
    /// The packet goes the way of the answers: from who was asked to who opened the connection.
    static let reply = ConnectionStates(rawValue: 128)
}
