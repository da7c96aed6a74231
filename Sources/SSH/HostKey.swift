import CLibSSH
import Glibc

/// A public key that a host proves itself with.
public struct HostKey: Hashable, Sendable {
    /// The kind of key as OpenSSH names it, for example `ssh-ed25519`.
    public let type: String
    /// `SHA256:` and the hash of the key in base64 without padding, as OpenSSH prints it.
    public let fingerprint: String

    /// - Throws: `SSHError` where libssh can't hash the key.
    init(_ key: ssh_key) throws(SSHError) {
        var hash: UnsafeMutablePointer<UInt8>?
        var count = 0
        guard ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &count) == SSH_OK,
            let text = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, count)
        else { throw SSHError(.protocolFailure, "host key", "the key has no fingerprint") }
        ssh_clean_pubkey_hash(&hash)
        defer { ssh_string_free_char(text) }
        type = ssh_key_type_to_char(ssh_key_type(key)).map { String(cString: $0) } ?? "unknown"
        fingerprint = String(cString: text)
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

/// Where host keys are known from; both in OpenSSH's format.
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
}

extension Session {
    /// The key the peer has proved to have: `ssh_get_server_publickey`.
    ///
    /// - Throws: `SSHError`.
    public func hostKey() throws(SSHError) -> HostKey {
        let key = try serverKey()
        defer { ssh_key_free(key) }
        return try HostKey(key)
    }

    /// Compares the peer's key with those the known_hosts files have for ``host`` and ``port``.
    ///
    /// A missing file knows nothing. A host on a port other than 22 is `[host]:port`, and its key is not known by the
    /// bare name. Hashed names and patterns count, `@cert-authority` lines don't.
    ///
    /// - Throws: `SSHError` (`local`) where a file exists and can't be read.
    ///
    /// The C functions are `ssh_known_hosts_parse_line` and `ssh_key_cmp`: `ssh_session_is_known_server` would stop at
    /// the first line it can't parse and call the host unknown, skip `@revoked`, and not say which keys it knows.
    public func hostKeyStatus() throws(SSHError) -> HostKeyStatus {
        let key = try serverKey()
        defer { ssh_key_free(key) }
        var match: KnownHostKey?
        var sameType: [KnownHostKey] = []
        var otherType: [KnownHostKey] = []
        for file in [knownHosts.own] + knownHosts.others {
            for (index, text) in try lines(of: file).enumerated() {
                let isRevocation = text.hasPrefix("@revoked ")
                let line = isRevocation ? text.dropFirst("@revoked ".count) : text[...]
                guard let entry = entry(line), let known = entry.pointee.publickey else { continue }
                defer { ssh_knownhosts_entry_free(entry) }
                let found = KnownHostKey(key: try HostKey(known), file: file, line: index + 1)
                let isSame = ssh_key_cmp(key, known, SSH_KEY_CMP_PUBLIC) == 0
                switch (isRevocation, isSame) {
                case (true, true): return .revoked(found)
                case (true, false): continue
                case (false, true): match = match ?? found
                case (false, false) where ssh_key_type(key) == ssh_key_type(known): sameType.append(found)
                case (false, false): otherType.append(found)
                }
            }
        }
        if let match { return .known(match) }
        if !sameType.isEmpty { return .changed(sameType) }
        return otherType.isEmpty ? .unknown : .otherType(otherType)
    }

    /// Adds the peer's key to the session's own known_hosts file.
    ///
    /// Makes missing directories with mode 0700 and the file with 0600. One `write` of a whole line to a file opened
    /// for appending: two processes at once leave two lines.
    ///
    /// - Throws: `SSHError`, `local` where the file can't be written.
    ///
    /// The C function is `ssh_session_export_known_hosts_entry`.
    public func rememberHostKey() throws(SSHError) {
        let operation = "adding to \(knownHosts.own)"
        let handle = try live(operation)
        var text: UnsafeMutablePointer<CChar>?
        guard ssh_session_export_known_hosts_entry(handle, &text) == SSH_OK, let text else {
            throw error(operation, handle, receivedBefore: counter.pointee.in_bytes)
        }
        defer { ssh_string_free_char(text) }

        makeDirectories(above: knownHosts.own)
        let file = open(knownHosts.own, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .local(operation) }
        defer { Glibc.close(file) }
        // A last line without an end would swallow ours.
        var line = String(cString: text)
        var last: UInt8 = 0
        let size = lseek(file, 0, SEEK_END)
        if size > 0, pread(file, &last, 1, size - 1) == 1, last != UInt8(ascii: "\n") { line = "\n" + line }
        guard write(file, line, line.utf8.count) == line.utf8.count else { throw .local(operation) }
    }

    /// The name of the peer in a known_hosts file.
    nonisolated var knownHostsName: String {
        let name = host.lowercased()
        return port == 22 ? name : "[\(name)]:\(port)"
    }

    private func serverKey() throws(SSHError) -> ssh_key {
        let handle = try live("host key")
        var key: ssh_key?
        guard ssh_get_server_publickey(handle, &key) == SSH_OK, let key else {
            throw error("host key", handle, receivedBefore: counter.pointee.in_bytes)
        }
        return key
    }

    /// The line as an entry, where it is one for this host and of a kind that libssh knows.
    private func entry(_ line: Substring) -> UnsafeMutablePointer<ssh_knownhosts_entry>? {
        guard !line.isEmpty, !line.hasPrefix("#"), !line.hasPrefix("@") else { return nil }
        var entry: UnsafeMutablePointer<ssh_knownhosts_entry>?
        // The parser takes spaces only; OpenSSH takes tabs as well.
        let text = String(line.map { $0 == "\t" ? " " : $0 })
        return ssh_known_hosts_parse_line(knownHostsName, text, &entry) == SSH_OK ? entry : nil
    }

    private func lines(of path: String) throws(SSHError) -> [String] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        if file < 0, errno == ENOENT || errno == ENOTDIR { return [] }
        guard file >= 0 else { throw .local("reading \(path)") }
        defer { Glibc.close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(file, &chunk, chunk.count)
            guard count >= 0 else { throw .local("reading \(path)") }
            if count == 0 { break }
            bytes += chunk[..<count]
        }
        return bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map {
            let text = String(decoding: $0, as: UTF8.self)
            return String(text.drop { $0 == " " || $0 == "\t" }.prefix { $0 != "\r" })
        }
    }

    /// Best effort: what is missing shows when the file is opened.
    private func makeDirectories(above path: String) {
        for (index, character) in zip(path.indices, path) where character == "/" && index != path.startIndex {
            mkdir(String(path[..<index]), 0o700)
        }
    }
}
