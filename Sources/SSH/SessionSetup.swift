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
        guard let handle = ssh_new() else { throw SSHError.local("ssh_new", errno: ENOMEM) }
        self.handle = handle
        ssh_set_blocking(handle, 0)
        ssh_set_counters(handle, counter, nil)
        try configure(handle)

        try await complete(operation, within: deadline) {
            hasBegun = true
            return ssh_connect($0)
        }
        // libssh has set the socket to blocking, although it only ever writes after POLLOUT: a peer that stops reading
        // would hold the thread in `send` until all of libssh's buffer had gone.
        let flags = fcntl(socket, F_GETFL)
        guard flags >= 0, fcntl(socket, F_SETFL, flags | O_NONBLOCK) == 0 else { throw SSHError.local(operation) }
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

        var duplicate = fcntl(socket, F_DUPFD_CLOEXEC, 0)
        guard duplicate >= 0 else { throw .local("duplicating the socket") }
        try set(SSH_OPTIONS_FD, &duplicate)
    }

    private func set(_ option: ssh_options_e, _ value: String) throws(SSHError) {
        try check("option", value.withCString { ssh_options_set(handle, option, $0) })
    }

    private func set<Value>(_ option: ssh_options_e, _ value: inout Value) throws(SSHError) {
        try check("option", withUnsafePointer(to: &value) { ssh_options_set(handle, option, $0) })
    }

    private func check(_ operation: String, _ status: CInt) throws(SSHError) {
        guard status != SSH_OK, let handle else { return }
        throw error(operation, handle, receivedBefore: counter.pointee.in_bytes)
    }
}
