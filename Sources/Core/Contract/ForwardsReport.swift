public import FoundationEssentials
import Platform

/// Whether a connection comes through.
public enum Verdict: String, Codable, Hashable, Sendable {
    case open
    case closed
    case unknown
}

/// What the host forwards to the container, from the VPN and from the owner's network, and what else can be reached.
public struct ForwardsReport: Report, Hashable {
    /// The shape of version 1 of the contract.
    public static let schema = "scout.forwards/1"

    /// Where the knowledge is from.
    public enum Source: String, Codable, Hashable, Sendable {
        case agent
        case ssh
        case probe
        case file
    }

    /// The link to the expert.
    public struct VPN: Codable, Hashable, Sendable {
        /// Whether it is up; absent where that isn't known, as from a file.
        public var up: Bool?
        /// Its interface on the host.
        public var interface: String
        /// The host's address on it.
        public var address: String

        /// - Parameters: one for each property, in their order.
        public init(up: Bool?, interface: String, address: String) {
            self.up = up
            self.interface = interface
            self.address = address
        }
    }

    /// The owner's switch for the local network.
    public struct LAN: Codable, Hashable, Sendable {
        /// Whether any forward is open from there; `true` as well where the rules can't exclude it, absent where nobody
        /// could look at the rules.
        public var enabled: Bool?

        /// - Parameter enabled: whether any forward may be open from there.
        public init(enabled: Bool?) {
            self.enabled = enabled
        }
    }

    /// The owner's switch for the host itself.
    public struct HostControl: Codable, Hashable, Sendable {
        /// Whether the rules let the VPN reach the port; `true` as well where it can't be excluded. Whether a server
        /// listens is not in the rules.
        public var enabled: Bool
        /// The TCP port of the host's sshd.
        public var port: UInt16

        /// - Parameters:
        ///   - enabled: whether the rules may let the VPN reach it.
        ///   - port: the TCP port.
        public init(enabled: Bool, port: UInt16) {
            self.enabled = enabled
            self.port = port
        }
    }

    /// One forwarded port.
    public struct Row: Codable, Hashable, Sendable {
        /// The port on the host's address.
        public var port: UInt16
        /// Always `tcp`.
        public var proto: String
        /// Where a connection ends: `ADDRESS:PORT`. Where nothing is forwarded, what the topology says should be here.
        public var to: String
        /// Whether an expert reaches the container by it, at whichever of the host's addresses.
        public var vpn: Verdict
        /// Whether a neighbour of the owner's network does.
        public var lan: Verdict
        /// Connections that the forwarding rule has counted: it sees only the first packet of each.
        public var packets: UInt64
        /// The bytes of those packets.
        public var bytes: UInt64
        /// Why it is not open, or not known, from the VPN; else from the owner's network where that isn't closed.
        public var reason: String?
        /// The host's address at which the VPN reaches it, where it doesn't at the address the report names.
        public var vpnAddress: String?
        /// The host's address at which the owner's network reaches it, where that is none of the interface's own.
        public var lanAddress: String?

        enum CodingKeys: String, CodingKey {
            case port
            case proto = "protocol"
            case to, vpn, lan, packets, bytes, reason, vpnAddress, lanAddress
        }

        /// - Parameters: one for each property, in their order.
        public init(
            port: UInt16, proto: String, to: String, vpn: Verdict, lan: Verdict, packets: UInt64, bytes: UInt64,
            reason: String?
        ) {
            self.port = port
            self.proto = proto
            self.to = to
            self.vpn = vpn
            self.lan = lan
            self.packets = packets
            self.bytes = bytes
            self.reason = reason
        }
    }

    /// Something that can be reached and perhaps should not be.
    public struct Exposure: Codable, Hashable, Sendable {
        /// How bad it is.
        public enum Severity: String, Codable, Hashable, Sendable, Comparable {
            /// As documented, but good to know.
            case info
            /// More than documented, or not to be known.
            case warning
            /// Open to people who should reach nothing.
            case critical

            /// Whether `left` is the lesser evil.
            public static func < (left: Severity, right: Severity) -> Bool {
                let order: [Severity] = [.info, .warning, .critical]
                return (order.firstIndex(of: left) ?? 0) < (order.firstIndex(of: right) ?? 0)
            }
        }

        /// How bad it is.
        public var severity: Severity
        /// One sentence: who reaches what, and by which rule.
        public var summary: String

        /// - Parameters:
        ///   - severity: how bad it is.
        ///   - summary: one sentence, without a final full stop.
        public init(severity: Severity, summary: String) {
            self.severity = severity
            self.summary = summary
        }
    }

    /// Where the knowledge is from.
    public var source: Source
    /// When it was true.
    public var checkedAt: Date
    /// The link to the expert.
    public var vpn: VPN
    /// The owner's switch for the local network.
    public var lan: LAN
    /// The owner's switch for the host itself.
    public var hostControl: HostControl
    /// A row for each port of the topology, and for each other that the rules forward to the container; by port.
    public var forwards: [Row]
    /// What else can be reached, the worst first.
    public var exposures: [Exposure]

    /// - Parameters: one for each property, in their order.
    public init(
        source: Source, checkedAt: Date, vpn: VPN, lan: LAN, hostControl: HostControl, forwards: [Row],
        exposures: [Exposure]
    ) {
        self.source = source
        self.checkedAt = checkedAt
        self.vpn = vpn
        self.lan = lan
        self.hostControl = hostControl
        self.forwards = forwards
        self.exposures = exposures
    }
}
