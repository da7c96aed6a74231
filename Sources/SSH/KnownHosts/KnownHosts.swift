import CLibSSH
import Glibc

/// Where host keys are known from; files in OpenSSH's format (sshd(8)), read as OpenSSH reads them.
public struct KnownHosts: Hashable, Sendable {
    /// The file that accepted keys are added to.
    public var own: String
    /// Files that are only read.
    public var others: [String]

    /// - Parameters:
    ///   - own: the absolute path of the file that accepted keys are added to; need not exist.
    ///   - others: absolute paths of files that are only read, such as the user's own `~/.ssh/known_hosts`.
    public init(own: String, others: [String]) {
        self.own = own
        self.others = others
    }

    /// One line that speaks of a host, with the place where it stands.
    private struct Entry {
        let marker: KnownHostsLine.Marker
        let key: PublicKey
        let place: KnownHostKey
    }

    /// The name a host has in a file: a numeric address as the system writes it, anything else in lower case, with the
    /// port where it is not 22. So `[host]:22` is the name of nobody.
    ///
    /// The C functions are `getaddrinfo`, which looks nothing up here, and `getnameinfo`.
    static func name(of host: String, port: UInt16) -> String {
        let name = canonical(host) ?? host.lowercased()
        return port == 22 ? name : "[\(name)]:\(port)"
    }

    private static func canonical(_ host: String) -> String? {
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST
        hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0, let first = list else { return nil }
        defer { freeaddrinfo(list) }
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let size = socklen_t(text.count)
        guard getnameinfo(first.pointee.ai_addr, first.pointee.ai_addrlen, &text, size, nil, 0, NI_NUMERICHOST) == 0
        else { return nil }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// What the files say about a key that a host has shown.
    ///
    /// A missing file knows nothing, and a line that can't be read changes nothing about the others. A host on another
    /// port than 22 is looked for as `[host]:port`; where that is unknown, a key that is known by the bare name counts,
    /// and nothing else that the bare name's lines say, but for a revocation.
    ///
    /// - Throws: `SSHError` (`local`) where a file exists and can't be read.
    func status(of key: PublicKey, host: String, port: UInt16) throws(SSHError) -> HostKeyStatus {
        let status = judge(key, try entries(for: Self.name(of: host, port: port)))
        guard status == .unknown, port != 22 else { return status }
        switch judge(key, try entries(for: Self.name(of: host, port: 22))) {
        case .known(let place): return .known(place)
        case .revoked(let place): return .revoked(place)
        case .unknown, .changed, .otherType: return .unknown
        }
    }

    private func judge(_ key: PublicKey, _ entries: [Entry]) -> HostKeyStatus {
        if let revoked = entries.first(where: { $0.marker == .revoked && $0.key.bareBlob == key.bareBlob }) {
            return .revoked(revoked.place)
        }
        let plain = entries.filter { $0.marker == .none }
        if let match = plain.first(where: { $0.key == key }) { return .known(match.place) }
        let sameType = plain.filter { $0.key.kind == key.kind }
        if !sameType.isEmpty { return .changed(sameType.map(\.place)) }
        return plain.isEmpty ? .unknown : .otherType(plain.map(\.place))
    }

    /// The algorithms for the host's key in the order to ask for them (RFC 4253, section 7.1): those of known keys first.
    private static let algorithms = [
        "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-512",
        "rsa-sha2-256",
    ]

    /// Which host keys to ask a host for, so that one that is known is shown rather than another that is not.
    ///
    /// As OpenSSH's `order_hostkeyalgs`: where a key of the first choice is known the order stays as it is, else the
    /// algorithms of known keys come first. A kind whose first known key is revoked is not preferred.
    ///
    /// - Throws: as ``status(of:host:port:)``.
    func algorithms(host: String, port: UInt16) throws(SSHError) -> [String] {
        let entries = try entries(for: Self.name(of: host, port: port))
        func isPreferred(_ algorithm: String) -> Bool {
            let kind = PublicKey.Kind(name: algorithm)
            guard let key = entries.first(where: { $0.marker == .none && $0.key.kind == kind })?.key else {
                return false
            }
            return !entries.contains { $0.marker == .revoked && $0.key.bareBlob == key.bareBlob }
        }
        if isPreferred(Self.algorithms[0]) { return Self.algorithms }
        return Self.algorithms.filter(isPreferred) + Self.algorithms.filter { !isPreferred($0) }
    }

    private func entries(for name: String) throws(SSHError) -> [Entry] {
        var entries: [Entry] = []
        for file in [own] + others {
            let lines = try KnownHostsFile.read(file).split(separator: 10, omittingEmptySubsequences: false)
            for (index, text) in lines.enumerated() {
                guard let line = KnownHostsLine(text, for: name) else { continue }
                let place = KnownHostKey(key: HostKey(line.key), file: file, line: index + 1)
                entries.append(Entry(marker: line.marker, key: line.key, place: place))
            }
        }
        return entries
    }
}
