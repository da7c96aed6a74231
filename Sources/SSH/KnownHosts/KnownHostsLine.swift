import Crypto

/// One line of a known_hosts file that speaks of a certain host (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").
struct KnownHostsLine {
    enum Marker {
        case none
        case certAuthority
        case revoked
    }

    let marker: Marker
    let key: PublicKey

    /// Reads a line.
    ///
    /// - Parameters:
    ///   - line: without its end; a carriage return before that counts for nothing.
    ///   - name: the host, in lower case, as ``KnownHosts/name(of:port:)`` has it.
    /// - Returns: `nil` for what is no line for this host, and for what OpenSSH passes over: comments, markers and kinds
    ///   of key that it doesn't know, keys that are not whole, lines of SSH 1.
    ///
    /// One difference, to the safe side: after a marker any blank counts. OpenSSH passes a line over where a tab follows
    /// the marker and a space comes later, and so accepts a key that the user has revoked.
    init?(_ line: ArraySlice<UInt8>, for name: String) {
        var words = Words(line)
        guard var hosts = words.next(), hosts.first != UInt8(ascii: "#") else { return nil }
        switch String(decoding: hosts, as: UTF8.self) {
        case "@revoked": marker = .revoked
        case "@cert-authority": marker = .certAuthority
        default: marker = .none
        }
        if marker != .none {
            guard let next = words.next() else { return nil }
            hosts = next
        }
        guard hosts.first != UInt8(ascii: "@"), Self.names(hosts, include: name),
            let type = words.next(), let kind = PublicKey.Kind(name: String(decoding: type, as: UTF8.self)),
            let blob = words.next().flatMap({ Base64.decode($0) }), let key = PublicKey(blob), key.kind == kind
        else { return nil }
        self.key = key
    }

    /// Whether a line's first field names a host: by a hash, or by patterns.
    static func names(_ field: ArraySlice<UInt8>, include name: String) -> Bool {
        guard field.first == UInt8(ascii: "|") else { return patterns(field, match: Array(name.utf8)) }
        let parts = field.split(separator: UInt8(ascii: "|"), omittingEmptySubsequences: false)
        guard parts.count == 4, parts[1].elementsEqual("1".utf8), let salt = Base64.decode(parts[2]), salt.count == 20
        else { return false }
        // SHA-1 is the format's choice; it hides the name and proves nothing.
        let hash = HMAC<Insecure.SHA1>.authenticationCode(for: Array(name.utf8), using: SymmetricKey(data: salt))
        return field.elementsEqual("|1|\(Base64.encode(salt))|\(Base64.encode(Array(hash)))".utf8)
    }

    /// Whether patterns, separated by commas, match a name: one must, and none that begins with `!` may.
    private static func patterns(_ list: ArraySlice<UInt8>, match name: [UInt8]) -> Bool {
        var isNamed = false
        for item in list.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            let isNegated = item.first == UInt8(ascii: "!")
            let pattern = (isNegated ? item.dropFirst() : item).map(lowercase)
            // OpenSSH's own limit, beyond which it takes the whole list for no match.
            guard pattern.count < 1023 else { return false }
            guard matches(name, pattern) else { continue }
            if isNegated { return false }
            isNamed = true
        }
        return isNamed
    }

    /// Whether a pattern with `*` and `?` matches a whole name; in time that grows with the product of their lengths.
    static func matches(_ name: [UInt8], _ pattern: [UInt8]) -> Bool {
        var (at, next) = (0, 0)
        var retry: (pattern: Int, name: Int)?
        while at < name.count {
            if next < pattern.count, pattern[next] == UInt8(ascii: "*") {
                retry = (next + 1, at)
                next += 1
            } else if next < pattern.count, pattern[next] == UInt8(ascii: "?") || pattern[next] == name[at] {
                at += 1
                next += 1
            } else if let last = retry {
                // The last star takes one character more.
                retry = (last.pattern, last.name + 1)
                (next, at) = (last.pattern, last.name + 1)
            } else {
                return false
            }
        }
        return pattern[next...].allSatisfy { $0 == UInt8(ascii: "*") }
    }

    private static func lowercase(_ byte: UInt8) -> UInt8 { (65...90).contains(byte) ? byte + 32 : byte }
}

/// The words of a line, between blanks.
private struct Words {
    private var rest: ArraySlice<UInt8>

    /// A zero ends the line, as for a program in C.
    init(_ line: ArraySlice<UInt8>) { rest = line.prefix { $0 != 0 } }

    mutating func next() -> ArraySlice<UInt8>? {
        let isBlank: (UInt8) -> Bool = { $0 == 32 || $0 == 9 }
        let word = rest.drop(while: isBlank).prefix { !isBlank($0) }
        rest = rest[word.endIndex...]
        return word.isEmpty ? nil : word
    }
}
