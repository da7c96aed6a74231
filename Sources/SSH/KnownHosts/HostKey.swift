import CLibSSH
import Glibc

/// A public key that a host proves itself with.
public struct HostKey: Hashable, Sendable {
    /// The kind of key as OpenSSH names it, for example `ssh-ed25519`.
    public let type: String
    /// `SHA256:` and the hash of the key in base64 without padding, as OpenSSH prints it.
    public let fingerprint: String

    /// The key in its wire form.
    let publicKey: PublicKey

    init(_ key: PublicKey) {
        type = key.kind.rawValue
        fingerprint = key.fingerprint
        publicKey = key
    }
}

/// A host key as a known_hosts file has it.
public struct KnownHostKey: Hashable, Sendable {
    /// The key.
    public let key: HostKey
    /// The path of the file.
    public let file: String
    /// The line in it, from 1.
    public let line: Int
}

/// What the known_hosts files say about the key of the peer.
public enum HostKeyStatus: Hashable, Sendable {
    /// It is the key known for this host.
    case known(KnownHostKey)
    /// Nothing is known for this host.
    case unknown
    /// Other keys of the same type are known for this host: somebody is in between, or the host was set up anew.
    case changed([KnownHostKey])
    /// Only keys of other types are known for this host, which is no better than a changed key.
    case otherType([KnownHostKey])
    /// The key is marked `@revoked`.
    case revoked(KnownHostKey)
}

extension Session {
    /// The key the peer has proved to have.
    ///
    /// - Throws: `SSHError`.
    ///
    /// The C functions are `ssh_get_server_publickey` and `ssh_pki_export_pubkey_base64`.
    public func hostKey() throws(SSHError) -> HostKey {
        let operation = "host key"
        let handle = try connection.live(operation)
        var key: ssh_key?
        guard ssh_get_server_publickey(handle, &key) == SSH_OK, let key else {
            throw loop.error(operation, handle, receivedBefore: connection.received)
        }
        defer { ssh_key_free(key) }
        var text: UnsafeMutablePointer<CChar>?
        guard ssh_pki_export_pubkey_base64(key, &text) == SSH_OK, let text else {
            throw SSHError(.protocolFailure, operation, "the key has no text form")
        }
        defer { ssh_string_free_char(text) }
        guard let known = Base64.decode(String(cString: text).utf8).flatMap({ PublicKey($0) }) else {
            throw SSHError(.protocolFailure, operation, "the host shows a key of no kind that is known")
        }
        return HostKey(known)
    }

    /// Compares the peer's key with those the known_hosts files have for ``host`` and ``port``, as OpenSSH does.
    ///
    /// Patterns, negation, hashed names and `@revoked` count, `@cert-authority` lines don't.
    ///
    /// - Throws: `SSHError` (`local`) where a file exists and can't be read.
    public func hostKeyStatus() throws(SSHError) -> HostKeyStatus {
        try knownHosts.status(of: hostKey().publicKey, host: host, port: port)
    }

    /// Adds the peer's key to the session's own known_hosts file, unless it is there already.
    ///
    /// - Throws: `SSHError`, `local` where the file can't be written; then it is as it was before.
    public func rememberHostKey() throws(SSHError) {
        let name = KnownHosts.name(of: host, port: port)
        // As OpenSSH: such a name would be read back as something else.
        guard !host.isEmpty, host.utf8.allSatisfy({ $0 > 32 && $0 != 127 && !"@?*#[]|'\"\\,!".utf8.contains($0) })
        else {
            throw .local("adding to \(knownHosts.own)", errno: EINVAL)
        }
        let key = try hostKey().publicKey
        try KnownHostsFile.add("\(name) \(key.kind.rawValue) \(Base64.encode(key.blob))", to: knownHosts.own)
    }
}
