import Glibc
import Platform

/// A known_hosts file on the disk.
enum KnownHostsFile {
    /// More than any such file has; what is behind it is somebody's mistake or trap.
    private static let limit = 64 << 20
    /// How long another process may take to add its line.
    private static let patience = Duration.seconds(2)

    /// All bytes of a file; none where it doesn't exist.
    ///
    /// - Throws: `SSHError` (`local`) where it exists and can't be read. A pipe is never waited for.
    static func read(_ path: String) throws(SSHError) -> [UInt8] {
        let operation = "reading \(path)"
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        if file < 0, errno == ENOENT || errno == ENOTDIR { return [] }
        guard file >= 0 else { throw .local(operation) }
        defer { close(file) }
        return try read(file, operation)
    }

    private static func read(_ file: CInt, _ operation: String) throws(SSHError) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = pread(file, &chunk, chunk.count, bytes.count)
            // What can't be positioned in, as a pipe or a terminal, is read as it comes.
            let more = count < 0 && errno == ESPIPE ? Glibc.read(file, &chunk, chunk.count) : count
            if more < 0, errno == EINTR { continue }
            guard more >= 0 else { throw .local(operation) }
            if more == 0 { return bytes }
            bytes += chunk[..<more]
            guard bytes.count <= limit else { throw .local(operation, errno: EFBIG) }
        }
    }

    /// Adds a line to a file, whole or not at all, unless it is there already.
    ///
    /// Makes missing directories with mode 0700 and the file with 0600. Processes that do this at once wait for each
    /// other; the line is on the disk when this returns.
    ///
    /// - Parameters:
    ///   - line: without its end.
    ///   - path: the file.
    /// - Throws: `SSHError` (`local`); then the file is as it was before.
    ///
    /// The C functions are `open` with `O_APPEND`, `flock`, `write`, `fsync` and, after a failure, `ftruncate`.
    static func add(_ line: String, to path: String) throws(SSHError) {
        let operation = "adding to \(path)"
        makeDirectories(above: path)
        let file = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0o600)
        guard file >= 0 else { throw .local(operation) }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw .local(operation) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw SSHError(.local, operation, code: EINVAL, "it is not a regular file")
        }
        let isLocked = lock(file)
        let old = try read(file, operation)
        guard !old.split(separator: 10).contains(where: { $0.elementsEqual(line.utf8) }) else { return }
        // A last line without an end would swallow ours.
        let isUnfinished = old.last.map { $0 != 10 } ?? false
        let bytes = Array(((isUnfinished ? "\n" : "") + line + "\n").utf8)

        var (written, code): (Int, CInt) = (0, 0)
        while written < bytes.count, code == 0 {
            let count = bytes.withUnsafeBytes { write(file, $0.baseAddress?.advanced(by: written), $0.count - written) }
            if count >= 0 { written += count } else if errno != EINTR { code = errno }
        }
        // A file system may say only now that there is no room.
        if code == 0, fsync(file) != 0, errno != EINVAL { code = errno }
        guard code != 0 else { return }
        // Half a line would be taken for another key, or swallow the next one. Without the lock somebody else's line
        // may stand behind ours: then ours gets an end, where there is room for one.
        if isLocked, ftruncate(file, off_t(old.count)) == 0 { throw .local(operation, errno: code) }
        _ = write(file, "\n", 1)
        throw .local(operation, errno: code)
    }

    /// - Returns: `false` where the file system has no locks, or somebody holds it for too long.
    private static func lock(_ file: CInt) -> Bool {
        let end = ContinuousClock.now + patience
        while true {
            do throws(SystemError) { if try FileLock.take(file) { return true } } catch { return false }
            guard ContinuousClock.now < end else { return false }
            usleep(10_000)
        }
    }

    /// Best effort: what is missing shows when the file is opened.
    private static func makeDirectories(above path: String) {
        for (index, character) in zip(path.indices, path) where character == "/" && index != path.startIndex {
            mkdir(String(path[..<index]), 0o700)
        }
    }
}
