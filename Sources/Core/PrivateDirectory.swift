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
    /// - Throws: `ScoutError`: `cannotCreate`; `refused` where another user could have put something in the way.
    ///
    /// The C functions are `openat` with `O_NOFOLLOW`, `mkdirat` and `fstatat`.
    public init(_ path: String) throws(ScoutError) {
        var walk = try Walk(path)
        defer { walk.end() }
        try walk.run()
        self.path = path
        descriptor = try walk.open()
    }

    /// Opens a directory that is in another one.
    ///
    /// - Throws: `ScoutError`: `noSource` where there is none; `refused` where it is no directory of this user.
    public init(existing name: String, in parent: PrivateDirectory) throws(ScoutError) {
        path = "\(parent.path)/\(name)"
        let opened = openat(parent.descriptor, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard opened >= 0 else {
            throw ScoutError(errno == ENOENT ? .noSource : .refused, "\(path): \(String(cString: strerror(errno)))")
        }
        var info = stat()
        guard fstat(opened, &info) == 0, info.st_uid == geteuid() else {
            close(opened)
            throw ScoutError(.refused, "\(path) belongs to another user")
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
    /// - Throws: `ScoutError`: `refused` for a link, a FIFO, a device, a directory, or another user's file;
    ///   `cannotCreate` or `io` for what the system says.
    public func open(_ name: String, _ flags: CInt, mode: UInt32 = 0o600) throws(ScoutError) -> CInt? {
        let file = openat(descriptor, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, mode)
        guard file >= 0 else {
            switch errno {
            case ENOENT: return nil
            case ELOOP, ENXIO, EISDIR: throw strange(name)
            default:
                let code: ScoutError.Code = flags & O_CREAT != 0 ? .cannotCreate : .io
                throw ScoutError(code, "\(path)/\(name): \(String(cString: strerror(errno)))")
            }
        }
        var info = stat()
        guard fstat(file, &info) == 0, info.st_mode & S_IFMT == S_IFREG, info.st_uid == geteuid() else {
            close(file)
            throw strange(name)
        }
        return file
    }

    private func strange(_ name: String) -> ScoutError {
        ScoutError(.refused, "\(path)/\(name) is not a plain file of this user", hint: "look at it, and remove it")
    }

    /// Reads a whole file of at most `limit` bytes.
    ///
    /// - Returns: `nil` where there is none.
    /// - Throws: `ScoutError`: `refused` where it is no plain file of this user, `io`, `badData` where it is larger.
    public func read(_ name: String, limit: Int = 1 << 20) throws(ScoutError) -> [UInt8]? {
        guard let file = try open(name, O_RDONLY) else { return nil }
        defer { close(file) }
        return try File.readAll(file, limit: limit, name: "\(path)/\(name)")
    }

    /// Writes a whole file: to a temporary one beside it, synced, then renamed over it. As ``File/replace(_:with:mode:)``.
    public func replace(_ name: String, with bytes: some Sequence<UInt8>) throws(ScoutError) {
        let temporary = "\(name).\(getpid()).\(UInt32.random(in: 0 ... .max))"
        guard let file = try open(temporary, O_WRONLY | O_CREAT | O_EXCL) else {
            throw ScoutError(.cannotCreate, "\(path) is no longer there")
        }
        let written = Array(bytes).withUnsafeBytes { File.writeAll($0, to: file) } && fsync(file) == 0
        let reason = errno
        close(file)
        guard written, renameat(descriptor, temporary, descriptor, name) == 0 else {
            let code = written ? errno : reason
            unlinkat(descriptor, temporary, 0)
            throw ScoutError(.io, "\(path)/\(name): \(String(cString: strerror(code)))")
        }
    }

    /// Makes a file if it is missing, and locks it for this process, for as long as the descriptor or a copy of it is open.
    ///
    /// Who holds the lock may remove the file, so the one that was locked must still be the one that has the name.
    ///
    /// - Returns: the locked descriptor; `nil` where another process holds the lock.
    /// - Throws: `ScoutError`: as ``open(_:_:mode:)``.
    ///
    /// The C function is `flock`.
    public func takeLock(_ name: String) throws(ScoutError) -> CInt? {
        for _ in 0..<3 {
            guard let lock = try open(name, O_RDWR | O_CREAT) else {
                throw ScoutError(.cannotCreate, "\(path) is no longer there")
            }
            var held = stat()
            var named = stat()
            if flock(lock, LOCK_EX | LOCK_NB) == 0, fstat(lock, &held) == 0,
                fstatat(descriptor, name, &named, AT_SYMLINK_NOFOLLOW) == 0, held.st_ino == named.st_ino,
                held.st_dev == named.st_dev
            {
                return lock
            }
            close(lock)
            // Who looks whether it is held, or sweeps, holds it for a moment only.
            usleep(1000)
        }
        return nil
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
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let bytes = withUnsafeBytes(of: entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            let name = String(decoding: bytes, as: UTF8.self)
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// A path of a name in it that leads through the open descriptor, and is short enough for a socket's address.
    public func reach(_ name: String) -> String { "/proc/self/fd/\(descriptor)/\(name)" }
}

/// `O_PATH` of open(2): nothing is opened but the name. Swift's C library overlay doesn't show it.
private let nameOnly: CInt = 0o10000000

/// The way down to a private directory, one component at a time.
private struct Walk {
    private let path: String
    private var current: CInt
    private var shown: String
    private var pending: [String]
    private var links = 0
    /// Whether others can rename what lies here, or put something in its place.
    private var isShared = false

    init(_ path: String) throws(ScoutError) {
        self.path = path
        shown = path.hasPrefix("/") ? "" : "."
        pending = path.split(separator: "/").map(String.init).reversed()
        current = Glibc.open(path.hasPrefix("/") ? "/" : ".", nameOnly | O_DIRECTORY | O_CLOEXEC)
        guard current >= 0, !path.isEmpty, !path.utf8.contains(0) else { throw refusal(.cannotCreate, path, errno) }
    }

    func end() { close(current) }

    /// The directory at the end, open for reading.
    func open() throws(ScoutError) -> CInt {
        var info = stat()
        guard fstat(current, &info) == 0 else { throw refusal(.cannotCreate, path, errno) }
        guard info.st_uid == geteuid(), info.st_mode & 0o022 == 0 else {
            throw ScoutError(.refused, "\(path) can be written by others than this user")
        }
        let directory = openat(current, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw refusal(.cannotCreate, path, errno) }
        return directory
    }

    mutating func run() throws(ScoutError) {
        try enter(current)
        while let name = pending.popLast() {
            if name == "." { continue }
            var info = stat()
            if fstatat(current, name, &info, AT_SYMLINK_NOFOLLOW) != 0 {
                guard errno == ENOENT, mkdirat(current, name, 0o700) == 0 || errno == EEXIST,
                    fstatat(current, name, &info, AT_SYMLINK_NOFOLLOW) == 0
                else { throw refusal(.cannotCreate, shown + "/" + name, errno) }
            }
            if info.st_mode & S_IFMT == S_IFLNK {
                try follow(name, owner: info.st_uid)
                continue
            }
            let next = openat(current, name, nameOnly | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard next >= 0 else { throw refusal(.cannotCreate, shown + "/" + name, errno) }
            close(current)
            current = next
            shown += "/" + name
            try enter(next)
        }
    }

    private mutating func follow(_ name: String, owner: uid_t) throws(ScoutError) {
        guard !isShared || owner == 0 || owner == geteuid() else {
            throw ScoutError(.refused, "\(shown)/\(name) is a link of another user (uid \(owner))")
        }
        links += 1
        var text = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlinkat(current, name, &text, text.count)
        guard count > 0, links <= 40 else {
            throw refusal(.cannotCreate, shown + "/" + name, count > 0 ? ELOOP : errno)
        }
        let target = String(decoding: text.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if target.hasPrefix("/") {
            let root = Glibc.open("/", nameOnly | O_DIRECTORY | O_CLOEXEC)
            guard root >= 0 else { throw refusal(.cannotCreate, "/", errno) }
            close(current)
            current = root
            shown = ""
            isShared = false
        }
        pending += target.split(separator: "/").map(String.init).reversed()
    }

    /// Looks at the directory just entered, by its descriptor.
    private mutating func enter(_ directory: CInt) throws(ScoutError) {
        var info = stat()
        guard fstat(directory, &info) == 0 else { throw refusal(.cannotCreate, shown, errno) }
        let isSticky = info.st_mode & S_ISVTX != 0
        if isShared {
            guard info.st_uid == 0 || info.st_uid == geteuid() else {
                throw ScoutError(
                    .refused, "\(shown) belongs to another user (uid \(info.st_uid))",
                    hint: "set SCOUT_RUNTIME_DIR to a directory of your own")
            }
            guard info.st_mode & 0o022 == 0 || isSticky else {
                throw ScoutError(.refused, "\(shown) can be written by others than this user")
            }
        }
        if info.st_mode & 0o002 != 0 {
            guard isSticky || pending.isEmpty else {
                throw ScoutError(
                    .refused, "\(shown) can be written by everybody, who could replace what lies in it",
                    hint: "chmod o-w \(shown), or choose another directory")
            }
            isShared = true
        }
    }

    private func refusal(_ code: ScoutError.Code, _ path: String, _ number: CInt) -> ScoutError {
        ScoutError(code, "\(path): \(String(cString: strerror(number)))")
    }
}
