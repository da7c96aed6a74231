import Core
import Glibc

/// The agent's listening socket, in a directory that others can write to.
///
/// The container's root owns files there, and may rename, replace or remove every name at any time. So no name is ever
/// followed, opened, or given rights: a socket is bound to a name nobody can guess and renamed over the old one, which
/// replaces the name itself, whatever it is by then. All that can be lost is an answer.
struct AgentSocket {
    let descriptor: CInt
    private let path: String
    private let identity: (device: dev_t, inode: ino_t)

    /// Binds, and replaces the socket of an agent that is dead.
    ///
    /// - Throws: `ScoutError`: `busy` where an agent answers there, `cannotCreate` where something else has the name.
    init(_ path: String) throws(ScoutError) {
        try Self.examine(path)
        let kind = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_UNIX, kind, 0)
        guard descriptor >= 0 else { throw Self.failure("a socket") }
        let temporary = "\(path).\(String(UInt64.random(in: .min ... .max), radix: 36))"
        // The container's root is nobody special here, and has to get in; the directory keeps others out.
        let mask = umask(0)
        defer { umask(mask) }
        guard fchmod(descriptor, 0o666) == 0,
            try UnixAddress.lend(temporary, { bind(descriptor, $0, $1) }) == 0, listen(descriptor, 64) == 0
        else {
            let error = Self.failure(path)
            close(descriptor)
            throw error
        }
        var status = stat()
        guard lstat(temporary, &status) == 0, rename(temporary, path) == 0 else {
            let error = Self.failure(path)
            close(descriptor)
            unlink(temporary)
            throw error
        }
        self.descriptor = descriptor
        self.path = path
        identity = (status.st_dev, status.st_ino)
    }

    /// Whether the name still leads to this socket.
    var isInPlace: Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_dev == identity.device && status.st_ino == identity.inode
    }

    /// Closes the socket, and removes its name if that is still its own.
    func remove() {
        if isInPlace { unlink(path) }
        close(descriptor)
    }

    private static func failure(_ what: String) -> ScoutError {
        ScoutError(
            .cannotCreate, "\(what): \(String(cString: strerror(errno)))",
            hint: "does the directory exist that host and container share? --socket names another")
    }

    /// Refuses to take a name away from anything but a dead agent, or one that only looks like an agent.
    private static func examine(_ path: String) throws(ScoutError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw ScoutError(
                .cannotCreate, "\(path) exists, and is no socket", hint: "look at it, and move it out of the way")
        }
        let probe = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        defer { close(probe) }
        guard try UnixAddress.lend(path, { connect(probe, $0, $1) }) == 0 else { return }
        // Whoever listens there without being this user is no agent, but somebody of the container.
        // The kernel's struct ucred: process, user, group.
        var peer: (pid: pid_t, user: uid_t, group: gid_t) = (0, .max, .max)
        var size = socklen_t(MemoryLayout.size(ofValue: peer))
        guard getsockopt(probe, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0, peer.user == geteuid() else { return }
        throw ScoutError(.busy, "an agent answers at \(path) already (pid \(peer.pid))", hint: "kill \(peer.pid)")
    }
}
