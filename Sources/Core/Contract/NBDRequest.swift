public import Platform

/// What `serve` was asked for.
public struct NBDRequest: Hashable, Codable, Sendable {
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
    /// End after this long without a client, in whole seconds.
    public var idleTimeout: Duration? {
        get { idleTimeoutSeconds.map { .seconds($0) } }
        set { idleTimeoutSeconds = newValue?.components.seconds }
    }
    private var idleTimeoutSeconds: Int64?
    /// Turn away clients beyond this many at a time.
    public var maxClients: Int?
    /// Let clients write. Never for evidence.
    public var writable = false

    /// - Parameter source: an evidence name, or the path of a device or file.
    public init(source: String) {
        self.source = source
    }
}

extension NBDRequest {
    /// How many clients at a time a service may be asked for; each is a server of its own.
    public static let clientLimit = 1024

    /// Looks for values that can't be.
    ///
    /// - Throws: `ScoutError` (`usage`) that names the first one.
    public func check() throws(ScoutError) {
        if let partition, partition < 1 { throw ScoutError(.usage, "partitions count from 1") }
        if let maxClients, !(1...Self.clientLimit).contains(maxClients) {
            throw ScoutError(.usage, "--max-clients is 1 to \(Self.clientLimit)")
        }
        if partition != nil, offsetBytes != nil || lengthBytes != nil {
            throw ScoutError(.usage, "--partition or --offset and --length, not both")
        }
        if presharedKey != nil, tls != .psk { throw ScoutError(.usage, "--psk-file goes with --tls psk") }
        if port == 0 || (offsetBytes ?? 0) < 0 || (lengthBytes ?? 0) < 0 || (idleTimeoutSeconds ?? 1) < 1 {
            throw ScoutError(.usage, "a port, a size or a time is out of range")
        }
    }
}
