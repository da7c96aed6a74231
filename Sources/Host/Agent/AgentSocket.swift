import Core
import Glibc
import Platform

/// The agent's listening socket, in a directory where somebody hostile may rename, replace and delete.
///
/// It is made and given its mode in a directory of its own that nobody else may enter, and only then moved to its name.
/// What others do to names meanwhile can cost the answer, and nothing else: no link is followed, no path of theirs is
/// written to, and no mode changes but that of the socket.
struct AgentSocket {
    /// Never blocks; listening.
    let descriptor: CInt
    private let path: String
    private let device: dev_t
    private let inode: ino_t

    /// Puts a socket at a path, in place of one that nobody listens on.
    ///
    /// - Throws: `ScoutError`: `busy` where somebody listens there, `cannotCreate` where something else than a socket is
    ///   there or the directory doesn't permit it.
    init(at path: String) throws(ScoutError) {
        let (parent, name) = Self.split(path)
        let directory = try Self.open(parent)
        defer { close(directory) }
        let isStale = try Self.examine(name, in: directory, path)

        let privateName = ".scout-\(String(UInt64.random(in: 0 ... .max), radix: 36))"
        guard mkdirat(directory, privateName, 0o700) == 0 else { throw Self.failure(path, errno) }
        // Empty by then, unless somebody hostile has put something there: his name stays.
        defer { unlinkat(directory, privateName, AT_REMOVEDIR) }
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        let inner = openat(directory, privateName, flags)
        guard inner >= 0 else { throw Self.failure(path, errno) }
        defer { close(inner) }
        var own = stat()
        guard fstat(inner, &own) == 0, own.st_uid == geteuid(), own.st_mode & 0o777 == 0o700 else {
            throw ScoutError(.cannotCreate, "\(path): somebody replaces what is made beside it")
        }

        let listener = try ScoutError.wrap(UnixSocket.make(isNonblocking: true))
        do throws(ScoutError) {
            // Moved it has no name here any more, linked it has one too many: neither is a failure.
            defer { unlinkat(inner, "s", 0) }
            let bound = try ScoutError.wrap(
                UnixAddress.withSocketAddress("/proc/self/fd/\(inner)/s") { bind(listener, $0, $1) })
            var made = stat()
            guard bound == 0, fchmodat(inner, "s", 0o666, 0) == 0, listen(listener, 64) == 0,
                fstatat(inner, "s", &made, AT_SYMLINK_NOFOLLOW) == 0
            else { throw Self.failure(path, errno) }
            // Where nothing was, nothing is replaced: a file that has come since stays.
            let moved = isStale ? renameat(inner, "s", directory, name) : linkat(inner, "s", directory, name, 0)
            guard moved == 0 else { throw Self.failure(path, errno) }
            (device, inode) = (made.st_dev, made.st_ino)
        } catch {
            close(listener)
            throw error
        }
        descriptor = listener
        self.path = path
    }

    /// Whether clients that look for the path still find this socket.
    var isInPlace: Bool {
        let (parent, name) = Self.split(path)
        guard let directory = try? Self.open(parent) else { return false }
        defer { close(directory) }
        return isOwn(name, in: directory)
    }

    /// Closes it, and removes its name if that is still its own.
    func remove() {
        let (parent, name) = Self.split(path)
        if let directory = try? Self.open(parent) {
            if isOwn(name, in: directory) { unlinkat(directory, name, 0) }
            close(directory)
        }
        close(descriptor)
    }

    private func isOwn(_ name: String, in directory: CInt) -> Bool {
        var found = stat()
        return fstatat(directory, name, &found, AT_SYMLINK_NOFOLLOW) == 0 && found.st_mode & S_IFMT == S_IFSOCK
            && found.st_dev == device && found.st_ino == inode
    }

    /// Whether there is a socket without a listener; throws for all else that is in the way.
    private static func examine(_ name: String, in directory: CInt, _ path: String) throws(ScoutError) -> Bool {
        let found = openat(directory, name, LinuxFile.pathOnly | O_NOFOLLOW | O_CLOEXEC)
        if found < 0 {
            if errno == ENOENT { return false }
            throw failure(path, errno)
        }
        defer { close(found) }
        var info = stat()
        guard fstat(found, &info) == 0, info.st_mode & S_IFMT == S_IFSOCK else {
            let what = info.st_mode & S_IFMT == S_IFLNK ? "a symbolic link" : "not a socket"
            throw ScoutError(
                .cannotCreate, "\(path) is \(what), and is left as it is",
                hint: "find out who made it, remove it, and start the agent again")
        }
        let probe = try ScoutError.wrap(UnixSocket.make(isNonblocking: true))
        defer { close(probe) }
        // By way of the descriptor it is the socket that was examined, whatever has the name by now.
        let status = try ScoutError.wrap(
            UnixAddress.withSocketAddress("/proc/self/fd/\(found)") { connect(probe, $0, $1) })
        if status != 0, errno == ECONNREFUSED { return true }
        throw ScoutError(
            .busy, "somebody listens at \(path) already",
            hint: "systemctl status scout-host-agent tells whether the agent runs")
    }

    private static func split(_ path: String) -> (directory: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        return (slash == path.startIndex ? "/" : String(path[..<slash]), String(path[path.index(after: slash)...]))
    }

    private static func open(_ directory: String) throws(ScoutError) -> CInt {
        let descriptor = Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw ScoutError(
                .cannotCreate, "\(directory): \(String(cString: strerror(errno)))",
                hint: "the directory that the host shares with the container must be there")
        }
        return descriptor
    }

    private static func failure(_ path: String, _ number: CInt) -> ScoutError {
        ScoutError(.cannotCreate, "\(path): \(String(cString: strerror(number)))")
    }
}
