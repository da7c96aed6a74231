import CLinux
public import Glibc

/// Control sockets: streams over the file system, between processes of one user (unix(7)).
public enum UnixSocket {
    /// Who made the other end.
    public struct Peer: Hashable, Sendable {
        /// Its process when it connected or listened; by now it may be another's number.
        public let process: pid_t
        /// Its effective user then.
        public let user: uid_t
        /// Its effective group then.
        public let group: gid_t
    }

    /// Makes a socket that nobody inherits by accident, without a name.
    ///
    /// - Parameter isNonblocking: whether it never blocks; `false` by default.
    /// - Throws: `SystemError` (`noDescriptor`).
    public static func make(isNonblocking: Bool = false) throws(SystemError) -> CInt {
        let kind = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | (isNonblocking ? SOCK_NONBLOCK.rawValue : 0)
        let descriptor = socket(AF_UNIX, CInt(kind), 0)
        guard descriptor >= 0 else { throw SystemError(.noDescriptor, "no socket to be had", code: errno) }
        return descriptor
    }

    /// Listens at a name in a private directory, in place of whatever has the name.
    ///
    /// - Parameters:
    ///   - name: a name without a slash.
    ///   - directory: where it is made. Its path may be longer than a socket's address: it is not used.
    ///   - backlog: how many may wait to be accepted; 16 by default.
    ///   - isNonblocking: whether `accept` never blocks; `false` by default.
    /// - Returns: the listening socket, which the caller closes.
    /// - Throws: `SystemError`: `cannotCreate`, `noDescriptor`, `socketPath`.
    public static func listen(
        at name: String, in directory: PrivateDirectory, backlog: CInt = 16, isNonblocking: Bool = false
    ) throws(SystemError) -> CInt {
        directory.remove(name)
        let descriptor = try make(isNonblocking: isNonblocking)
        do throws(SystemError) {
            let bound = try UnixAddress.withSocketAddress(directory.reach(name)) { bind(descriptor, $0, $1) }
            // The directory is the wall; the mode is another, should somebody open it.
            guard bound == 0, fchmodat(directory.descriptor, name, 0o600, 0) == 0,
                Glibc.listen(descriptor, backlog) == 0
            else { throw SystemError(.cannotCreate, "\(directory.path)/\(name)", code: errno) }
        } catch {
            close(descriptor)
            throw error
        }
        return descriptor
    }

    /// Accepts a connection of this user or of root.
    ///
    /// - Parameters:
    ///   - listener: a listening Unix socket.
    ///   - isNonblocking: whether the connection never blocks; `false` by default.
    /// - Returns: the connection, which the caller closes; `nil` where there is none, or somebody else called: he is hung
    ///   up on without a word.
    /// - Throws: `SystemError` (`noDescriptor`, or `io`): the caller stays in the queue, so look away for a moment.
    public static func accept(_ listener: CInt, isNonblocking: Bool = false) throws(SystemError) -> CInt? {
        guard let connection = try ListeningSocket.accept(listener, isNonblocking: isNonblocking) else { return nil }
        guard let peer = peer(of: connection), isTrusted(peer) else {
            close(connection)
            return nil
        }
        return connection
    }

    /// Connects to a name in a private directory, if this user or root listens there.
    ///
    /// - Returns: the connection, which the caller closes, and who listens.
    /// - Throws: `SystemError`: `missing` where nobody listens, `untrusted` where somebody else does, `noAnswer` where its
    ///   queue stays full, `socketPath`, `noDescriptor`.
    public static func connect(
        to name: String, in directory: PrivateDirectory, within deadline: Duration
    ) throws(SystemError) -> (socket: CInt, peer: Peer) {
        let descriptor = try make()
        do throws(SystemError) {
            limit(descriptor, to: deadline)
            let status = try UnixAddress.withSocketAddress(directory.reach(name)) {
                Glibc.connect(descriptor, $0, $1)
            }
            guard status == 0 else { throw failed("\(directory.path)/\(name)", errno) }
            guard let peer = peer(of: descriptor), isTrusted(peer) else {
                throw SystemError(.untrusted, "\(directory.path)/\(name): another user listens there")
            }
            return (descriptor, peer)
        } catch {
            close(descriptor)
            throw error
        }
    }

    private static func failed(_ path: String, _ code: CInt) -> SystemError {
        switch code {
        case ENOENT, ECONNREFUSED, ENOTSOCK: SystemError(.missing, path, code: code)
        case EAGAIN, ETIMEDOUT: SystemError(.noAnswer, path, code: code)
        default: SystemError(path, code: code)
        }
    }

    private static func isTrusted(_ peer: Peer) -> Bool { peer.user == geteuid() || peer.user == 0 }

    /// Who made the other end, after the kernel: `SO_PEERCRED`. `nil` where it is no connected Unix socket.
    public static func peer(of socket: CInt) -> Peer? {
        var (process, user, group) = (pid_t(), uid_t(), gid_t())
        guard clinux_peer(socket, &process, &user, &group) == 0 else { return nil }
        return Peer(process: process, user: user, group: group)
    }

    /// Limits how long each read and write may block: `SO_RCVTIMEO`, `SO_SNDTIMEO`. Afterwards they fail with `EAGAIN`.
    ///
    /// - Parameter duration: none left is a microsecond, as zero would mean no limit at all.
    public static func limit(_ socket: CInt, to duration: Duration) {
        let parts = max(duration, .microseconds(1)).components
        var value = timeval(tv_sec: Int(parts.seconds), tv_usec: Int(parts.attoseconds / 1_000_000_000_000))
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            // Can't fail on an open socket: a time that the kernel can't count is its longest.
            setsockopt(socket, SOL_SOCKET, option, &value, socklen_t(MemoryLayout<timeval>.size))
        }
    }
}
