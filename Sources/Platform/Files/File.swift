import Glibc

/// Small whole files, written so that a reader never sees half of one.
public enum File {
    /// Makes a directory that only its owner may enter, with its parents.
    ///
    /// - Parameters:
    ///   - path: the directory; one that exists is taken as it is if only this user can write to it.
    /// - Throws: `SystemError`: as ``PrivateDirectory/init(_:)``, whose descriptor is closed at once.
    public static func makePrivateDirectory(_ path: String) throws(SystemError) {
        _ = try PrivateDirectory(path)
    }

    /// Writes a whole file: to a temporary one beside it, synced, then renamed over it.
    ///
    /// - Parameters:
    ///   - bytes: the contents.
    ///   - path: the file; an old one is replaced at once.
    ///   - mode: its permissions; private by default.
    /// - Throws: `SystemError` (`cannotCreate`, or `io` where the disk is full).
    public static func replace(_ path: String, with bytes: some Sequence<UInt8>, mode: UInt32 = 0o600)
        throws(SystemError)
    {
        try replace(path, in: AT_FDCWD, shown: path, with: bytes, mode: mode)
    }

    /// As ``replace(_:with:mode:)``, of a file that a user may have put a link in the place of: what the link leads to is
    /// written, and keeps its permissions and its owner.
    ///
    /// - Throws: `SystemError`: `cannotCreate` also where the path stands for something else than a file, as a device
    ///   would be replaced by one.
    public static func replaceFollowingLinks(_ path: String, with bytes: some Sequence<UInt8>, mode: UInt32 = 0o600)
        throws(SystemError)
    {
        let file = try followingLinks(path)
        var info = stat()
        let exists = stat(file, &info) == 0
        guard !exists || info.st_mode & S_IFMT == S_IFREG else {
            throw SystemError(.cannotCreate, "\(path) is not a file")
        }
        try replace(file, with: bytes, mode: exists ? info.st_mode & 0o777 : mode)
        // Root, by sudo, leaves a user's file the user's.
        if exists, info.st_uid != geteuid(), chown(file, info.st_uid, info.st_gid) != 0 {
            throw SystemError("\(file) is changed, but not its user's", code: errno)
        }
    }

    /// Writes a whole file by a name below an open directory.
    static func replace(
        _ name: String, in directory: CInt, shown path: String, with bytes: some Sequence<UInt8>, mode: UInt32
    ) throws(SystemError) {
        let temporary = "\(name).\(getpid()).\(UInt32.random(in: 0 ... .max))"
        let descriptor = openat(directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw SystemError(.cannotCreate, path, code: errno) }
        var isWritten = Array(bytes).withUnsafeBytes { writeAll($0, to: descriptor) } && fsync(descriptor) == 0
        var code = errno
        // Some network file systems tell on close only that they have no room.
        if close(descriptor) != 0, isWritten { (isWritten, code) = (false, errno) }
        if isWritten {
            isWritten = renameat(directory, temporary, directory, name) == 0
            code = errno
        }
        guard isWritten else {
            // What is left of it can't be removed where the directory itself is gone.
            unlinkat(directory, temporary, 0)
            throw SystemError(path, code: code)
        }
    }

    /// The file that a path stands for: where symbolic links lead, whether or not something is there.
    ///
    /// - Throws: `SystemError` (`io`) where they lead in a circle.
    public static func followingLinks(_ path: String) throws(SystemError) -> String {
        var file = path
        // As many as the kernel follows (path_resolution(7)).
        for _ in 0...40 {
            var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
            let count = readlink(file, &buffer, buffer.count)
            guard count > 0 else { return file }
            let target = String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
            file = target.hasPrefix("/") ? target : directory(of: file) + "/" + target
        }
        throw SystemError(path, code: ELOOP)
    }

    /// The directory that a file lies in: all before the last slash.
    public static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Reads a whole file of at most `limit` bytes.
    ///
    /// - Returns: `nil` where there is none.
    /// - Throws: `SystemError` (`io`), or `tooLarge`.
    public static func read(_ path: String, limit: Int = 1 << 20) throws(SystemError) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw SystemError(path, code: errno)
        }
        defer { close(descriptor) }
        return try readAll(descriptor, limit: limit, name: path)
    }

    static func readAll(_ descriptor: CInt, limit: Int, name: String) throws(SystemError) -> [UInt8] {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = Glibc.read(descriptor, &piece, piece.count)
            if count == 0 { return bytes }
            if count < 0 {
                if errno == EINTR { continue }
                throw SystemError(name, code: errno)
            }
            bytes += piece[..<count]
            if bytes.count > limit { throw SystemError(.tooLarge, "\(name) is larger than \(limit) bytes") }
        }
    }

    /// Writes every byte, or says that it could not (`errno` tells why).
    public static func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: CInt) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if count < 0 {
                if errno == EINTR { continue }
                return false
            }
            if count == 0 {
                errno = EIO
                return false
            }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
