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
        let temporary = "\(path).\(getpid()).\(UInt32.random(in: 0 ... .max))"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw SystemError(.cannotCreate, path, code: errno) }
        var written = Array(bytes).withUnsafeBytes { writeAll($0, to: descriptor) } && fsync(descriptor) == 0
        var reason = errno
        // Some network file systems tell on close only that they have no room.
        if close(descriptor) != 0, written { (written, reason) = (false, errno) }
        guard written, rename(temporary, path) == 0 else {
            let code = written ? errno : reason
            unlink(temporary)
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
