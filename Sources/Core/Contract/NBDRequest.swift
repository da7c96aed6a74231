public import Platform

/// What `serve` was asked for.
public struct NBDRequest: Hashable, Sendable {
    /// How clients prove who they are, beside their address.
    public enum TLS: String, Codable, CaseIterable, Sendable {
        case off
        case psk
    }

    /// An evidence name, or the path of a device or file.
    public var source: String
    /// The port asked for; `nil` takes the first free one.
    public var port: UInt16?
    /// The lease's and the export's name; `nil` takes the source's.
    public var name: String?
    /// Who may connect, beside the machine itself; `nil` is the address the calling SSH session came from.
    public var allow: [CIDR]?
    /// Whether TLS with a pre-shared key is required.
    public var tls: TLS = .off
    /// The key, 64 hexadecimal digits; `nil` has one made.
    public var presharedKey: String?
    /// Export only this partition, counted from 1.
    public var partition: Int?
    /// Export from this byte on.
    public var offsetBytes: Int64?
    /// Export this many bytes only.
    public var lengthBytes: Int64?
    /// End after this long without a client.
    public var idleTimeout: Duration?
    /// Turn away clients beyond this many at a time.
    public var maxClients: Int?
    /// Let clients write. Never for evidence.
    public var writable = false

    /// - Parameter source: an evidence name, or the path of a device or file.
    public init(source: String) {
        self.source = source
    }
}
