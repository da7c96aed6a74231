public import Glibc

/// Small whole files, written so that a reader never sees half of one.
public enum File {
    /// Makes a directory that only its owner may enter, with its parents.
    ///
    /// - Parameters:
    ///   - path: the directory; one that exists is taken as it is if only this user can write to it.
    /// - Throws: `ScoutError` (`cannotCreate`; `refused` where others can write to it).
    public static func makePrivateDirectory(_ path: String) throws(ScoutError) {
        var partial = path.hasPrefix("/") ? "" : "."
        for component in path.split(separator: "/") {
            partial += "/" + component
            if mkdir(partial, 0o700) != 0, errno != EEXIST, errno != EROFS, errno != EACCES {
                throw ScoutError(.cannotCreate, "\(partial): \(String(cString: strerror(errno)))")
            }
        }
        var info = stat()
        guard lstat(path, &info) == 0, info.st_mode & S_IFMT == S_IFDIR else {
            throw ScoutError(.cannotCreate, "\(path): cannot make this directory")
        }
        guard info.st_uid == geteuid(), info.st_mode & 0o022 == 0 else {
            throw ScoutError(.refused, "\(path) can be written by others than this user")
        }
    }

    /// Writes a whole file: to a temporary one beside it, synced, then renamed over it.
    ///
    /// - Parameters:
    ///   - bytes: the contents.
    ///   - path: the file; an old one is replaced at once.
    ///   - mode: its permissions; private by default.
    /// - Throws: `ScoutError` (`cannotCreate`, or `io` where the disk is full).
    public static func replace(_ path: String, with bytes: some Sequence<UInt8>, mode: mode_t = 0o600)
        throws(ScoutError)
    {
        let temporary = "\(path).\(getpid()).\(UInt32.random(in: 0 ... .max))"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw failure(.cannotCreate, path) }
        var written = Array(bytes).withUnsafeBytes { writeAll($0, to: descriptor) } && fsync(descriptor) == 0
        var reason = errno
        // Some network file systems tell on close only that they have no room.
        if close(descriptor) != 0, written { (written, reason) = (false, errno) }
        guard written, rename(temporary, path) == 0 else {
            let code = written ? errno : reason
            unlink(temporary)
            throw ScoutError(.io, "\(path): \(String(cString: strerror(code)))")
        }
    }

    /// Reads a whole file of at most `limit` bytes.
    ///
    /// - Returns: `nil` where there is none.
    /// - Throws: `ScoutError` (`io`), or `badData` where it is larger.
    public static func read(_ path: String, limit: Int = 1 << 20) throws(ScoutError) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw failure(.io, path)
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = Glibc.read(descriptor, &piece, piece.count)
            if count == 0 { return bytes }
            if count < 0 {
                if errno == EINTR { continue }
                throw failure(.io, path)
            }
            bytes += piece[..<count]
            if bytes.count > limit { throw ScoutError(.badData, "\(path) is larger than \(limit) bytes") }
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

    private static func failure(_ code: ScoutError.Code, _ path: String) -> ScoutError {
        ScoutError(code, "\(path): \(String(cString: strerror(errno)))")
    }
}
