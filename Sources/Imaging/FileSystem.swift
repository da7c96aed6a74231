import Core
import Glibc

/// The few calls by which files reach the medium and their names.
enum FileSystem {
    private typealias RenameAt2 =
        @convention(c) (CInt, UnsafePointer<CChar>, CInt, UnsafePointer<CChar>, UInt32) -> CInt
    private typealias FStatFS = @convention(c) (CInt, UnsafeMutableRawPointer) -> CInt
    private typealias SyncFileRange = @convention(c) (CInt, Int64, Int64, UInt32) -> CInt

    private static let renameNoReplace: UInt32 = 1
    private static let syncStart: UInt32 = 2
    private static let syncAndWait: UInt32 = 7

    /// `EXT4_SUPER_MAGIC` and `XFS_SUPER_MAGIC` of linux/magic.h.
    private static let directFileSystems = [0xEF53, 0x5846_5342]
    #if arch(arm64)
        private static let directFlag: CInt = 0o200000
    #else
        private static let directFlag: CInt = 0o40000
    #endif

    private static let syncFileRange = function("sync_file_range", as: SyncFileRange.self)

    /// A function of the C library that Swift's overlay does not show.
    private static func function<Signature>(_ name: String, as type: Signature.Type) -> Signature? {
        dlsym(nil, name).map { unsafeBitCast($0, to: type) }
    }

    /// Gives a file its final name, which must not exist.
    ///
    /// - Throws: `ScoutError` (`cannotCreate`). The C functions are `renameat2` with `RENAME_NOREPLACE`, and where the
    ///   file system has none, `link` and `unlink`.
    static func renameNew(_ from: String, to name: String) throws(ScoutError) {
        if let rename = function("renameat2", as: RenameAt2.self) {
            if rename(AT_FDCWD, from, AT_FDCWD, name, renameNoReplace) == 0 { return }
            let code = errno
            guard code == EINVAL || code == ENOSYS || code == ENOTSUP else { throw cannotRename(from, name, code) }
        }
        guard link(from, name) == 0 else { throw cannotRename(from, name, errno) }
        unlink(from)
    }

    private static func cannotRename(_ from: String, _ name: String, _ code: CInt) -> ScoutError {
        ScoutError.system(.cannotCreate, "cannot rename \(from) to \(name)", code, hint: "rename it by hand")
    }

    /// Creates a file of one's own, to read and write.
    ///
    /// - Throws: `ScoutError` (`cannotCreate`). The C function is `open` with `O_EXCL`.
    static func create(_ path: String) throws(ScoutError) -> CInt {
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw ScoutError.system(
                .cannotCreate, "cannot create \(path)", errno,
                hint: "choose another path, or move what is there out of the way")
        }
        return descriptor
    }

    /// Opens a file of one's own once more, to write past the page cache.
    ///
    /// Only on file systems of local disks that are known to do it well (ext2 to ext4, XFS): over a network each write
    /// would wait for the far disk, and elsewhere the kernel goes through the cache anyway.
    ///
    /// - Returns: `nil` where that is not so. The C functions are `fstatfs` and `open` with `O_DIRECT`.
    static func openDirect(_ path: String, as descriptor: CInt) -> CInt? {
        // The kernel's struct statfs begins with the type, as a word, and takes less than this on every machine.
        var system = [Int](repeating: 0, count: 64)
        guard let fstatfs = function("fstatfs", as: FStatFS.self), fstatfs(descriptor, &system) == 0,
            let type = system.first, directFileSystems.contains(type)
        else { return nil }
        let direct = open(path, O_WRONLY | directFlag | O_CLOEXEC | O_NOFOLLOW)
        guard direct >= 0 else { return nil }
        var mine = stat()
        var other = stat()
        guard fstat(descriptor, &mine) == 0, fstat(direct, &other) == 0, mine.st_dev == other.st_dev,
            mine.st_ino == other.st_ino
        else {
            close(direct)
            return nil
        }
        return direct
    }

    /// Brings a file to its medium, in steps, so that a cancellation need not wait for all of it.
    ///
    /// The C functions are `sync_file_range` and `fsync`; only the last one counts, and its error is the verdict.
    static func sync(_ descriptor: CInt, path: String, cancellation: Cancellation? = nil) throws(ScoutError) {
        if let cancellation, let range = syncFileRange {
            var status = stat()
            let size = fstat(descriptor, &status) == 0 ? Int64(status.st_size) : 0
            let step: Int64 = 16 << 20
            for start in stride(from: 0, to: size, by: Int(step)) {
                try cancellation.check()
                _ = range(descriptor, start, step, syncAndWait)
            }
        }
        guard fsync(descriptor) == 0 else {
            let code = errno
            throw ScoutError.system(.io, "cannot bring \(path) to its medium", code)
        }
    }

    /// Has the kernel begin to write a range to its medium, while more is still to come. Promises nothing.
    ///
    /// The C function is `sync_file_range` with `SYNC_FILE_RANGE_WRITE`.
    static func startWriteback(_ descriptor: CInt, _ range: Range<UInt64>) {
        _ = syncFileRange?(descriptor, Int64(range.lowerBound), Int64(range.count), syncStart)
    }

    /// Brings the names in a file's directory to the medium.
    static func syncDirectory(of path: String) throws(ScoutError) {
        let directory = directory(of: path)
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw ScoutError.system(.io, "cannot open \(directory)", errno) }
        defer { close(descriptor) }
        // Some file systems of removable disks cannot sync a directory, and say so with EINVAL.
        guard fsync(descriptor) == 0 || errno == EINVAL else {
            throw ScoutError.system(.io, "cannot bring \(directory) to its medium", errno)
        }
    }

    /// Writes a small file, and brings it to the medium. An old file of this name is replaced.
    static func write(_ bytes: [UInt8], to path: String) throws(ScoutError) {
        unlink(path)
        let descriptor = try create(path)
        defer { close(descriptor) }
        var done = 0
        while done < bytes.count {
            let count = bytes[done...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                done += count
            } else if count == 0 || errno != EINTR {
                throw ScoutError.system(.io, "cannot write \(path)", errno)
            }
        }
        try sync(descriptor, path: path)
    }

    /// Reads a small file.
    ///
    /// - Parameter limit: the most that is read; a longer file gives `nil`, as does one that cannot be read.
    static func read(_ path: String, limit: Int = 64 << 20) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(descriptor, &part, part.count)
            if count == 0 { return bytes }
            if count < 0 && errno == EINTR { continue }
            guard count > 0, bytes.count + count <= limit else { return nil }
            bytes += part[..<count]
        }
    }

    /// Whether anything has this name, a dangling link included.
    static func exists(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0
    }

    /// Bytes that this user may still write where a file would lie.
    ///
    /// - Throws: `ScoutError` (`cannotCreate`) where the directory cannot be looked at. The C function is `statvfs`.
    static func freeBytes(for path: String) throws(ScoutError) -> UInt64 {
        let directory = directory(of: path)
        var status = statvfs()
        guard statvfs(directory, &status) == 0 else {
            throw ScoutError.system(
                .cannotCreate, "cannot look at \(directory)", errno, hint: "create the directory first")
        }
        return UInt64(status.f_bavail) * UInt64(status.f_frsize)
    }

    private static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
