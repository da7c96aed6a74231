import Platform

/// An address to dial with SSH: `[USER@]ADDR[:PORT]`.
public struct Address: Hashable, Sendable {
    /// The account; `nil` is root, as in the container.
    public var user: String?
    /// A numeric address or a name; IPv6 without brackets.
    public var host: String
    /// The TCP port; `nil` is the topology's.
    public var port: UInt16?

    /// Reads `10.1.0.2`, `root@scout.example:2222` or `root@[fe80::1]:22`.
    ///
    /// - Returns: `nil` where a part is missing or is no port number.
    public init?(_ text: String) {
        var rest = text[...]
        if let at = rest.lastIndex(of: "@") {
            user = String(rest[..<at])
            rest = rest[rest.index(after: at)...]
        }
        if rest.first == "[", let bracket = rest.firstIndex(of: "]") {
            host = String(rest[rest.index(after: rest.startIndex)..<bracket])
            rest = rest[rest.index(after: bracket)...]
            guard rest.isEmpty || rest.first == ":" else { return nil }
        } else if rest.count(where: { $0 == ":" }) > 1 {
            host = String(rest)
            rest = ""
        } else {
            host = String(rest.prefix { $0 != ":" })
            rest = rest.drop { $0 != ":" }
        }
        if rest.first == ":" {
            guard let number = UInt16(rest.dropFirst()), number > 0 else { return nil }
            port = number
        }
        let allowed: (Character) -> Bool = { $0.isASCII && ($0.isLetter || $0.isNumber || ".:-_%".contains($0)) }
        guard !host.isEmpty, host.first != "-", host.allSatisfy(allowed), user?.isEmpty != true else { return nil }
    }
}

extension Address: CustomStringConvertible {
    /// The text that reads back as the same address.
    public var description: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return (user.map { $0 + "@" } ?? "") + name + (port.map { ":\($0)" } ?? "")
    }
}

/// A scout that this expert works on.
public struct Target: Hashable, Sendable {
    /// What it is called here; an address dialled without a name is called by the address.
    public var name: String
    /// Where its container's sshd answers.
    public var address: Address
    /// The private key to authenticate with, before the user's own.
    public var identity: String?
    /// Its network, where it is not the configured one.
    public var topology: String?

    /// - Parameters:
    ///   - name: what it is called.
    ///   - address: where its container's sshd answers.
    ///   - identity: the private key to authenticate with.
    ///   - topology: its network.
    public init(name: String, address: Address, identity: String? = nil, topology: String? = nil) {
        self.name = name
        self.address = address
        self.identity = identity
        self.topology = topology
    }

    /// Whether a name can stand for a target: it must not look like an address, an option or `local`.
    public static func isName(_ text: String) -> Bool {
        guard let first = text.first, first.isLetter || first.isNumber, text != "local" else { return false }
        return text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
            && IPAddress(text) == nil
    }
}
