import Crypto

/// A public key as it stands in a packet and, in base64, in a known_hosts file (RFC 4253, section 6.6).
struct PublicKey: Hashable, Sendable {
    /// The kinds of key that OpenSSH knows, by the name in the key itself.
    enum Kind: String, CaseIterable, Sendable {
        case ed25519 = "ssh-ed25519"
        case ecdsa256 = "ecdsa-sha2-nistp256"
        case ecdsa384 = "ecdsa-sha2-nistp384"
        case ecdsa521 = "ecdsa-sha2-nistp521"
        case rsa = "ssh-rsa"
        case dss = "ssh-dss"
        case hardwareEd25519 = "sk-ssh-ed25519@openssh.com"
        case hardwareECDSA = "sk-ecdsa-sha2-nistp256@openssh.com"
        case ed25519Certificate = "ssh-ed25519-cert-v01@openssh.com"
        case ecdsa256Certificate = "ecdsa-sha2-nistp256-cert-v01@openssh.com"
        case ecdsa384Certificate = "ecdsa-sha2-nistp384-cert-v01@openssh.com"
        case ecdsa521Certificate = "ecdsa-sha2-nistp521-cert-v01@openssh.com"
        case rsaCertificate = "ssh-rsa-cert-v01@openssh.com"
        case dssCertificate = "ssh-dss-cert-v01@openssh.com"
        case hardwareEd25519Certificate = "sk-ssh-ed25519-cert-v01@openssh.com"
        case hardwareECDSACertificate = "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com"

        /// The kind of the key itself where this is a certificate of one.
        var bare: Kind {
            switch self {
            case .ed25519Certificate: .ed25519
            case .ecdsa256Certificate: .ecdsa256
            case .ecdsa384Certificate: .ecdsa384
            case .ecdsa521Certificate: .ecdsa521
            case .rsaCertificate: .rsa
            case .dssCertificate: .dss
            case .hardwareEd25519Certificate: .hardwareEd25519
            case .hardwareECDSACertificate: .hardwareECDSA
            default: self
            }
        }

        /// - Parameter name: of a key or of one of its signature algorithms, as it may stand in a known_hosts file.
        init?(name: some StringProtocol) {
            switch name {
            case "rsa-sha2-256", "rsa-sha2-512": self = .rsa
            case "rsa-sha2-256-cert-v01@openssh.com", "rsa-sha2-512-cert-v01@openssh.com": self = .rsaCertificate
            default: self.init(rawValue: String(name))
            }
        }
    }

    let kind: Kind
    /// The whole key; two keys are the same when these bytes are.
    let blob: [UInt8]
    /// The key itself, without what a certificate says about it; a revocation of either is one of both.
    let bareBlob: [UInt8]

    /// Takes a key apart, as far as it takes to see that it is whole and of the kind it says.
    ///
    /// - Parameter blob: the key in its wire form.
    /// - Returns: `nil` where OpenSSH would not take it for a key either. What a certificate says is not examined.
    init?(_ blob: [UInt8]) {
        var reader = WireReader(blob)
        guard let name = reader.string(), let kind = Kind(name: String(decoding: name, as: UTF8.self)) else {
            return nil
        }
        let bare = kind.bare
        if bare != kind, reader.string() == nil { return nil }
        let start = reader.position
        guard Self.skipBody(of: bare, &reader) else { return nil }
        let body = blob[start..<reader.position]
        guard reader.isAtEnd || bare != kind else { return nil }
        self.kind = kind
        self.blob = blob
        let text = Array(bare.rawValue.utf8)
        bareBlob = [0, 0, 0, UInt8(text.count)] + text + body
    }

    private static func skipBody(of kind: Kind, _ reader: inout WireReader) -> Bool {
        switch kind {
        case .ed25519: reader.string()?.count == 32
        case .ecdsa256: reader.point(on: "nistp256")
        case .ecdsa384: reader.point(on: "nistp384")
        case .ecdsa521: reader.point(on: "nistp521")
        // OpenSSH takes no shorter modulus for a key.
        case .rsa: reader.numberBits() != nil && (reader.numberBits() ?? 0) >= 1024
        case .dss: (0..<4).allSatisfy { _ in reader.numberBits() != nil }
        case .hardwareEd25519: reader.string()?.count == 32 && reader.string() != nil
        case .hardwareECDSA: reader.point(on: "nistp256") && reader.string() != nil
        default: false
        }
    }

    /// `SHA256:` and the hash in base64 without padding, as OpenSSH prints it.
    var fingerprint: String {
        let hash = Base64.encode(Array(SHA256.hash(data: blob)))
        return "SHA256:" + hash.prefix { $0 != "=" }
    }
}

/// Reads the data types of RFC 4251, section 5.
private struct WireReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    var isAtEnd: Bool { rest.isEmpty }

    var position: Int { rest.startIndex }

    mutating func string() -> ArraySlice<UInt8>? {
        guard rest.count >= 4 else { return nil }
        let count = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        let body = rest.dropFirst(4)
        guard body.count >= count else { return nil }
        rest = body.dropFirst(count)
        return body.prefix(count)
    }

    /// The length of a number in bits; `nil` for one that is negative or beyond what OpenSSH takes.
    mutating func numberBits() -> Int? {
        guard let bytes = string(), (bytes.first ?? 0) & 0x80 == 0 else { return nil }
        let digits = bytes.drop { $0 == 0 }
        guard bytes.count <= 2049, digits.count <= 2048 else { return nil }
        return digits.count * 8 - (digits.first?.leadingZeroBitCount ?? 0)
    }

    /// Whether a point of a curve stands here: named, uncompressed, and on the curve (RFC 5656, section 3.1).
    mutating func point(on curve: String) -> Bool {
        guard let name = string(), name.elementsEqual(curve.utf8), let point = string() else { return false }
        return switch curve {
        case "nistp256": (try? P256.Signing.PublicKey(x963Representation: point)) != nil
        case "nistp384": (try? P384.Signing.PublicKey(x963Representation: point)) != nil
        default: (try? P521.Signing.PublicKey(x963Representation: point)) != nil
        }
    }
}
