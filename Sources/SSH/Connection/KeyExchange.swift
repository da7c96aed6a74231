import CLibSSH
import Glibc

extension Session {
    /// AES in GCM mode moves half as much again as ChaCha20 where the processor has instructions for it, and is slow
    /// and leaks its key through the cache where it has not.
    private static var ciphers: String {
        let aes = ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com"]
        let chacha = ["chacha20-poly1305@openssh.com"]
        let rest = ["aes256-ctr", "aes192-ctr", "aes128-ctr"]
        return ((cpu_has_aes() ? aes + chacha : chacha + aes) + rest).joined(separator: ",")
    }

    func exchangeKeys(deadline: Duration) async throws {
        let operation = "key exchange"
        let handle = try connection.begin()
        forwards.attach(to: handle)
        try configure(handle)

        let said = try await takeTextBeforeIdentification(operation, within: deadline)
        do {
            try await loop.complete(operation, within: deadline) {
                connection.hasBegun = true
                return ssh_connect($0)
            }
        } catch let error as SSHError where !said.isEmpty && serverBanner == nil {
            // A server that is full or bars us says so before it closes; one that says only this speaks no SSH.
            let kind = error.kind == .deadline ? SSHError.Kind.protocolFailure : error.kind
            throw SSHError(kind, operation, code: error.code, "\(error.message); the server said \"\(said)\"")
        }
        // libssh has set the socket to blocking, although it only ever writes after POLLOUT: a peer that stops reading
        // would hold the thread in `send` until all of libssh's buffer had gone.
        let flags = fcntl(connection.socket, F_GETFL)
        guard flags >= 0, fcntl(connection.socket, F_SETFL, flags | O_NONBLOCK) == 0 else {
            throw SSHError.local(operation)
        }
    }

    /// More than a server says in earnest, and no more than a hostile one may.
    private static var longestText: Int { 1 << 16 }
    /// How long the server may take to begin; then libssh goes on, and tells it who we are.
    private static var quiet: Duration { .seconds(2) }

    /// Takes the lines that a server may send before its identification (RFC 4253, section 4.2) off the socket, where
    /// libssh takes but lines of 255 bytes.
    ///
    /// - Returns: the end of what they say.
    /// - Throws: `SSHError` (`protocolFailure`) where there is no end to them; `CancellationError`.
    private func takeTextBeforeIdentification(_ operation: String, within deadline: Duration) async throws -> String {
        let mark = Array("SSH-".utf8)
        let end = loop.awake() + min(deadline, Self.quiet)
        var text: [UInt8] = []
        while true {
            let news = loop.traffic.news
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = recv(connection.socket, &bytes, bytes.count, CInt(MSG_PEEK | MSG_DONTWAIT))
            // The end of the connection is libssh's to report.
            if count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR) { break }
            let seen = bytes.prefix(max(count, 0))
            let isAtStart = text.isEmpty || text.last == 10
            if isAtStart, seen.starts(with: mark) { break }
            let mayBecome = isAtStart && seen.count < mark.count && mark.starts(with: seen)
            if seen.isEmpty || mayBecome {
                let left = end - loop.awake()
                if left <= .zero { break }
                if seen.isEmpty {
                    loop.isPeeking = true
                    defer { loop.isPeeking = false }
                    try await loop.wait(for: loop.traffic, after: news, until: .now + left)
                } else {
                    try await Task.sleep(for: .milliseconds(10))
                }
                continue
            }
            // To the end of the line, or all where it has none yet.
            let line = seen.prefix(through: seen.firstIndex(of: 10) ?? seen.endIndex - 1)
            let taken = recv(connection.socket, &bytes, line.count, CInt(MSG_DONTWAIT))
            text += bytes.prefix(max(taken, 0))
            guard text.count <= Self.longestText else {
                throw SSHError(.protocolFailure, operation, "the server talks without end and is no SSH server")
            }
        }
        let lines = String(decoding: text.suffix(400), as: UTF8.self).split { $0.isNewline }
        return lines.joined(separator: " ")
    }

    private func configure(_ handle: ssh_session) throws(SSHError) {
        // No configuration of the user's or the machine's own ssh: what a session does must not depend on it.
        var off = false
        try set(SSH_OPTIONS_PROCESS_CONFIG, &off)
        // It wants a name of letters, digits and hyphens, which addresses with zones and names with `_` are not; with a
        // socket of ours, and known_hosts judged by us, it needs none.
        try set(SSH_OPTIONS_HOST, "peer")
        var number = CUnsignedInt(port)
        try set(SSH_OPTIONS_PORT, &number)
        try set(SSH_OPTIONS_USER, user)
        var on: CInt = 1
        try set(SSH_OPTIONS_NODELAY, &on)
        try set(SSH_OPTIONS_CIPHERS_C_S, Self.ciphers)
        try set(SSH_OPTIONS_CIPHERS_S_C, Self.ciphers)
        // libssh would read the files by itself for the order of these, and lose it at the first line it can't parse.
        try set(SSH_OPTIONS_HOSTKEYS, try knownHosts.algorithms(host: host, port: port).joined(separator: ","))
        try set(SSH_OPTIONS_KNOWNHOSTS, "/dev/null")
        try set(SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null")

        var duplicate = fcntl(connection.socket, F_DUPFD_CLOEXEC, 0)
        guard duplicate >= 0 else { throw .local("duplicating the socket") }
        try set(SSH_OPTIONS_FD, &duplicate)
    }

    private func set(_ option: ssh_options_e, _ value: String) throws(SSHError) {
        try check("option", value.withCString { ssh_options_set(connection.handle, option, $0) })
    }

    private func set<Value>(_ option: ssh_options_e, _ value: inout Value) throws(SSHError) {
        try check("option", withUnsafePointer(to: &value) { ssh_options_set(connection.handle, option, $0) })
    }

    private func check(_ operation: String, _ status: CInt) throws(SSHError) {
        guard status != SSH_OK, let handle = connection.handle else { return }
        throw loop.error(operation, handle, receivedBefore: connection.received)
    }
}
