public import FoundationEssentials
public import Platform

/// A service on a leased port.
public struct LeaseReport: Report, Hashable {
    /// `scout.serve/1`.
    public static let schema = "scout.serve/1"
    /// The leased TCP port.
    public var port: UInt16
    /// What kind of service: `nbd`.
    public var service: String
    /// The name it is released and logged by.
    public var name: String
    /// The path of the device or file that is served.
    public var source: String
    /// Which disk or file that was when the lease began: a block device's number, a file's device and inode.
    public var sourceID: String?
    /// Where the exported part of it starts.
    public var offsetBytes: Int64?
    /// How long the exported part is.
    public var sizeBytes: Int64?
    /// Whether clients can read only.
    public var readOnly: Bool
    /// How a client reaches it through the host's forwarding.
    public var uri: String
    /// The address and port it listens on in the container.
    public var bind: String
    /// Who may connect, beside the machine itself.
    public var allow: [CIDR]
    /// `off` or `psk`.
    public var tls: NBDRequest.TLS
    /// The file with the pre-shared key, in the form that libnbd and nbdkit read.
    public var pskFile: String?
    /// The gate's process.
    public var pid: Int32
    /// Always `listening`: anything else is no lease.
    public var state: String
    /// When the port was leased.
    public var startedAt: Date

    /// - Parameters: one for each property, in their order.
    public init(
        port: UInt16, service: String, name: String, source: String, readOnly: Bool, uri: String, bind: String,
        allow: [CIDR], tls: NBDRequest.TLS, pskFile: String?, pid: Int32, state: String, startedAt: Date,
        sourceID: String? = nil, offsetBytes: Int64? = nil, sizeBytes: Int64? = nil
    ) {
        self.port = port
        self.service = service
        self.name = name
        self.source = source
        self.readOnly = readOnly
        self.uri = uri
        self.bind = bind
        self.allow = allow
        self.tls = tls
        self.pskFile = pskFile
        self.pid = pid
        self.state = state
        self.startedAt = startedAt
        self.sourceID = sourceID
        self.offsetBytes = offsetBytes
        self.sizeBytes = sizeBytes
    }
}
