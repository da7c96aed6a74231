public import Platform

/// What a server said before and in its SSH identification (RFC 4253, section 4.2).
public struct SSHIdentification: Hashable, Sendable {
    /// The line that begins with `SSH-`, without its end; `nil` where none came.
    public let line: String?
    /// The lines before it.
    public let text: String

    /// - Parameter bytes: what was read; a line without an end is no identification yet.
    public init(_ bytes: [UInt8]) {
        var text: [UInt8] = []
        var found: String?
        var rest = bytes[...]
        while found == nil, let end = rest.firstIndex(of: 10) {
            let line = rest[..<end]
            if line.starts(with: "SSH-".utf8) {
                found = String(decoding: line.prefix { $0 != 13 }, as: UTF8.self)
            } else {
                text += rest[...end]
            }
            rest = rest[(end + 1)...]
        }
        if found == nil { text += rest }
        line = found
        self.text = String(decoding: text, as: UTF8.self)
    }
}

extension BannerProbe {
    /// Connects to an SSH server, and reads up to its identification, whatever lines it says before.
    ///
    /// - Parameters:
    ///   - host: a numeric address or a name.
    ///   - port: the TCP port.
    ///   - deadline: for the connection and the words together.
    /// - Throws: `ScoutError` as ``read(host:port:deadline:limit:until:)``.
    public static func ssh(host: String, port: UInt16, deadline: Duration) async throws(ScoutError) -> SSHIdentification
    {
        // More than a server says in earnest; OpenSSH's client reads longer still.
        let bytes = try await read(host: host, port: port, deadline: deadline, limit: 1 << 16) {
            SSHIdentification($0).line != nil
        }
        return SSHIdentification(bytes)
    }
}
