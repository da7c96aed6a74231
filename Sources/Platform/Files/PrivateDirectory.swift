import Glibc

/// A directory that only its owner can write to, held open: what is read and written in it is found by this descriptor,
/// whatever becomes of its path.
public final class PrivateDirectory: Sendable {
    /// The path it was opened by.
    public let path: String
    /// The open directory, for the `…at` family of calls.
    public let descriptor: CInt

    /// Opens a directory, and makes it and its parents where they are missing.
    ///
    /// Below a directory that others can write to (`/tmp`), each component must belong to this user or to root, must not
    /// be writable by others unless it is sticky itself, and no link of another user is followed.
    ///
    /// - Parameter path: the directory; one that exists is taken as it is if only this user can write to it.
    /// - Throws: `SystemError`: `cannotCreate`; `untrusted` and its like where another user could have put something in the way.
    ///
    /// The C functions are `openat` with `O_NOFOLLOW`, `mkdirat` and `fstatat`.
    public init(_ path: String) throws(SystemError) {
        var walk = try DirectoryWalk(path)
        defer { walk.end() }
        try walk.run()
        self.path = path
        descriptor = try walk.open()
    }

    /// Opens a directory that is in another one.
    ///
    /// - Throws: `SystemError`: `missing` where there is none; `untrusted` where it is no directory of this user.
    public init(existing name: String, in parent: PrivateDirectory) throws(SystemError) {
        path = "\(parent.path)/\(name)"
        let opened = openat(parent.descriptor, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard opened >= 0 else {
            throw SystemError(errno == ENOENT ? .missing : .untrusted, path, code: errno)
        }
        var info = stat()
        guard fstat(opened, &info) == 0, info.st_uid == geteuid() else {
            close(opened)
            throw SystemError(.untrusted, "\(path) belongs to another user")
        }
        descriptor = opened
    }

    deinit { close(descriptor) }

    /// Opens a file in it, if it is a plain file of this user; anything else is neither opened nor waited for.
    ///
    /// - Parameters:
    ///   - name: a name without a slash.
    ///   - flags: of open(2); `O_NOFOLLOW`, `O_NONBLOCK` and `O_CLOEXEC` are added.
    ///   - mode: the permissions of a new file.
    /// - Returns: the descriptor, which the caller closes; `nil` where there is no such file.
    /// - Throws: `SystemError`: `notPlainFile` for a link, a FIFO, a device, a directory, or another user's file;
    ///   `cannotCreate` or `io` for what the system says.
    public func open(_ name: String, _ flags: CInt, mode: UInt32 = 0o600) throws(SystemError) -> CInt? {
        let file = openat(descriptor, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, mode)
        guard file >= 0 else {
            switch errno {
            case ENOENT: return nil
            case ELOOP, ENXIO, EISDIR: throw strange(name)
            default:
                let kind: SystemError.Kind = flags & O_CREAT != 0 ? .cannotCreate : .io
                throw SystemError(kind, "\(path)/\(name)", code: errno)
            }
        }
        var info = stat()
        guard fstat(file, &info) == 0, info.st_mode & S_IFMT == S_IFREG, info.st_uid == geteuid() else {
            close(file)
            throw strange(name)
        }
        return file
    }

    private func strange(_ name: String) -> SystemError {
        SystemError(.notPlainFile, "\(path)/\(name) is not a plain file of this user")
    }

    /// Reads a whole file of at most `limit` bytes.
    ///
    /// - Returns: `nil` where there is none.
    /// - Throws: `SystemError`: `notPlainFile`, `io`, or `tooLarge`.
    public func read(_ name: String, limit: Int = 1 << 20) throws(SystemError) -> [UInt8]? {
        guard let file = try open(name, O_RDONLY) else { return nil }
        defer { close(file) }
        return try File.readAll(file, limit: limit, name: "\(path)/\(name)")
    }

    /// Writes a whole file: to a temporary one beside it, synced, then renamed over it. As ``File/replace(_:with:mode:)``.
    public func replace(_ name: String, with bytes: some Sequence<UInt8>) throws(SystemError) {
        try File.replace(name, in: descriptor, shown: "\(path)/\(name)", with: bytes, mode: 0o600)
    }

    /// Makes a file if it is missing, and locks it for this process, for as long as the descriptor or a copy of it is open.
    ///
    /// Who holds the lock may remove the file, so the one that was locked must still be the one that has the name.
    ///
    /// - Returns: the locked descriptor; `nil` where another process holds the lock.
    /// - Throws: `SystemError`: as ``open(_:_:mode:)``.
    ///
    /// See ``FileLock``.
    public func takeLock(_ name: String) throws(SystemError) -> CInt? {
        for _ in 0..<3 {
            guard let lock = try open(name, O_RDWR | O_CREAT) else {
                throw SystemError(.cannotCreate, "\(path) is no longer there")
            }
            var held = stat()
            var named = stat()
            let isTaken: Bool
            do throws(SystemError) { isTaken = try FileLock.take(lock) } catch {
                close(lock)
                throw error
            }
            if isTaken, fstat(lock, &held) == 0,
                fstatat(descriptor, name, &named, AT_SYMLINK_NOFOLLOW) == 0, held.st_ino == named.st_ino,
                held.st_dev == named.st_dev
            {
                return lock
            }
            close(lock)
            // Who sweeps holds it for a moment only.
            usleep(1000)
        }
        return nil
    }

    /// Whether another process holds the lock on a file in it. A look, which is in nobody's way: see ``FileLock``.
    ///
    /// - Returns: `false` also where there is no such file, or it is no plain file of this user.
    public func isLocked(_ name: String) -> Bool {
        guard let file = try? open(name, O_RDONLY) else { return false }
        defer { close(file) }
        return FileLock.isHeld(file)
    }

    /// Removes a name, whatever it is; one that is not there is no failure.
    public func remove(_ name: String) {
        if unlinkat(descriptor, name, 0) != 0, errno == EISDIR { unlinkat(descriptor, name, AT_REMOVEDIR) }
    }

    /// The names in it; none where it can't be read.
    public func names() -> [String] {
        let own = openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard own >= 0, let stream = fdopendir(own) else {
            if own >= 0 { close(own) }
            return []
        }
        return DirectoryListing.names(stream)
    }

    /// A path of a name in it that leads through the open descriptor, and is short enough for a socket's address.
    public func reach(_ name: String) -> String { "/proc/self/fd/\(descriptor)/\(name)" }
}
