import Core
import Glibc
import Platform

/// The few calls by which files reach the disk and their names.
enum FileSystem {
    /// Gives a file one more name, which must not exist, in place of its own.
    ///
    /// - Throws: `ScoutError` (`cannotCreate`, or `io`), with the file's own name in place. The C functions are
    ///   `renameat2` with `RENAME_NOREPLACE`; where the file system has none, `linkat` of the descriptor and `unlink`.
    static func place(_ file: HeldFile, at name: String) throws(ScoutError) {
        if LinuxFile.renameWithoutReplacing(file.path, to: name) == 0 {
            if file.isNamed(name) { return }
            // Another file had taken the place between the last look and the call: it goes back to where it was.
            let isBack = LinuxFile.renameWithoutReplacing(name, to: file.path) == 0
            throw ScoutError(
                .cannotCreate, "\(file.path) was replaced by another process while it was renamed",
                hint: isBack ? "acquire again" : "\(name) is NOT the image: do not use it; acquire again")
        }
        let code = errno
        guard isUnsupported(code) else { throw cannotName(file, name, code) }
        guard linkat(AT_FDCWD, "/proc/self/fd/\(file.descriptor)", AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0 else {
            throw cannotName(file, name, errno)
        }
        file.remove()
    }

    /// Undoes `place`.
    static func takeBack(_ file: HeldFile, from name: String) throws(ScoutError) {
        guard file.isNamed(name) else {
            throw ScoutError(.cannotCreate, "another process is creating \(name)", hint: "choose another path")
        }
        if LinuxFile.renameWithoutReplacing(name, to: file.path) == 0 { return }
        let code = errno
        guard isUnsupported(code),
            linkat(AT_FDCWD, "/proc/self/fd/\(file.descriptor)", AT_FDCWD, file.path, AT_SYMLINK_FOLLOW) == 0
        else { throw cannotName(file, name, code) }
        guard unlink(name) == 0 else { throw cannotName(file, name, errno) }
    }

    private static func isUnsupported(_ code: CInt) -> Bool { [EINVAL, ENOSYS, ENOTSUP].contains(code) }

    private static func cannotName(_ file: HeldFile, _ name: String, _ code: CInt) -> ScoutError {
        switch code {
        case EPERM, ENOTSUP, ENOSYS, EINVAL, EMLINK:
            ScoutError.system(
                .cannotCreate,
                "the file system cannot rename \(file.path) to \(name) without risking to replace another file",
                code, hint: "choose another disk for the image")
        case EIO, ENOSPC, EDQUOT:
            ScoutError.system(.io, "cannot rename \(file.path) to \(name)", code)
        default:
            ScoutError.system(.cannotCreate, "cannot rename \(file.path) to \(name)", code)
        }
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

    /// Opens a file once more, to go past the page cache.
    ///
    /// Only on file systems of local disks that are known to do it well (ext2 to ext4, XFS): over a network each call
    /// would wait for the far disk, and elsewhere the kernel goes through the cache anyway.
    ///
    /// - Parameters:
    ///   - access: `O_RDWR` or `O_RDONLY`.
    ///   - descriptor: the file as it is open already; the new descriptor is of no other one.
    /// - Returns: `nil` where that is not so. The C functions are `fstatfs` and `open` with `O_DIRECT`.
    static func openDirect(_ path: String, _ access: CInt, as descriptor: CInt) -> CInt? {
        guard let kind = LinuxFile.fileSystem(of: descriptor), kind == .ext || kind == .xfs else { return nil }
        let direct = open(path, access | LinuxFile.direct | O_CLOEXEC | O_NOFOLLOW)
        guard direct >= 0 else { return nil }
        var mine = stat()
        var other = stat()
        guard fstat(descriptor, &mine) == 0, fstat(direct, &other) == 0, mine.st_dev == other.st_dev,
            mine.st_ino == other.st_ino
        else {
            // Nothing was written by it.
            close(direct)
            return nil
        }
        return direct
    }

    /// Syncs a file, in steps, so that a cancellation need not wait for all of it.
    ///
    /// The kernel tells an error of its late writes once, to whichever call comes next: the first that any call here
    /// reports is the verdict.
    ///
    /// - Parameters:
    ///   - path: for the message.
    ///   - cancellation: looked at after every 16 MiB; without one the file goes in one piece.
    /// - Throws: `ScoutError`: `io`, `interrupted`. The C functions are `sync_file_range`, `fsync`, and `dup` and
    ///   `close`, because some network file systems report on `close` only.
    static func sync(_ descriptor: CInt, path: String, cancellation: Cancellation<ScoutError>? = nil) throws(ScoutError)
    {
        if let cancellation {
            var status = stat()
            guard fstat(descriptor, &status) == 0 else { throw writeFailure(path, errno) }
            let step: Int64 = 16 << 20
            for start in stride(from: 0, to: Int64(status.st_size), by: Int(step)) {
                try cancellation.check()
                try syncRange(descriptor, start, step, waits: true, path)
            }
        }
        while fsync(descriptor) != 0 {
            let code = errno
            guard code == EINTR else { throw writeFailure(path, code) }
        }
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { throw writeFailure(path, errno) }
        guard close(copy) == 0 else { throw writeFailure(path, errno) }
    }

    /// Has the kernel begin to write a range to the disk, while more is still to come.
    ///
    /// - Throws: `ScoutError` (`io`). The C function is `sync_file_range` with `SYNC_FILE_RANGE_WRITE`.
    static func startWriteback(_ descriptor: CInt, _ range: Range<UInt64>, path: String) throws(ScoutError) {
        try syncRange(descriptor, Int64(range.lowerBound), Int64(range.count), waits: false, path)
    }

    private static func syncRange(
        _ descriptor: CInt, _ start: Int64, _ count: Int64, waits: Bool, _ path: String
    ) throws(ScoutError) {
        let call = waits ? LinuxFile.writeAndWait : LinuxFile.startWriting
        while call(descriptor, start, count) != 0 {
            let code = errno
            if code == EINTR { continue }
            // Not known here: nothing was begun, and `fsync` does it all.
            guard ![ENOSYS, EINVAL, ESPIPE].contains(code) else { return }
            throw writeFailure(path, code)
        }
    }

    /// A failed write, or one that failed late.
    static func writeFailure(_ path: String, _ code: CInt) -> ScoutError {
        switch code {
        case ENOSPC, EDQUOT:
            ScoutError(
                .io, "the disk is full: no room in \(path)",
                hint: "free some space, or choose another disk, and acquire again")
        case EFBIG:
            ScoutError(
                .io, "the file system of \(path) or a limit does not allow a file of this size",
                hint: "choose another disk; 'ulimit -f' shows the limit")
        default:
            ScoutError.system(
                .io, "cannot sync \(path)", code, hint: "do not rely on this disk: acquire to another one")
        }
    }

    /// Has what follows read the disk and not the page cache, which may be good where the disk is not.
    ///
    /// The C function is `posix_fadvise`. It cannot fail on a descriptor of a file; pages that it cannot drop are those
    /// that another process holds, and no call tells of them.
    static func forgetCache(_ descriptor: CInt) {
        posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
        posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL)
    }

    /// Syncs the directory of a file, and so the names in it.
    ///
    /// - Parameter failure: the kind of error to throw.
    static func syncDirectory(of path: String, failure: ScoutError.Code = .io) throws(ScoutError) {
        let directory = File.directory(of: path)
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw ScoutError.system(failure, "cannot open \(directory)", errno) }
        // Closing what was only read loses nothing.
        defer { close(descriptor) }
        // Some file systems of removable disks cannot sync a directory, and say so with EINVAL.
        guard fsync(descriptor) == 0 || errno == EINVAL else {
            throw ScoutError.system(failure, "cannot sync the directory \(directory)", errno)
        }
    }

    /// Opens a regular file or a block device to read. A FIFO, a socket or a terminal is refused and never waited for.
    ///
    /// - Throws: `ScoutError`: `noSource`; `io` where it is no fault of the file's, as with too many open files. The C
    ///   functions are `open` with `O_NONBLOCK`, and `fstat`.
    static func openToRead(_ path: String, _ what: String) throws(ScoutError) -> CInt {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else {
            let code = errno
            let isOurs = [EMFILE, ENFILE, ENOMEM, EIO].contains(code)
            throw ScoutError.system(isOurs ? .io : .noSource, "cannot open \(what)", code)
        }
        var status = stat()
        let isKnown = fstat(descriptor, &status) == 0
        guard isKnown, [S_IFREG, S_IFBLK].contains(status.st_mode & S_IFMT) else {
            close(descriptor)
            throw ScoutError(.noSource, "\(path) is neither a regular file nor a block device")
        }
        return descriptor
    }

    /// The size of an open file or block device in bytes.
    ///
    /// - Throws: `ScoutError` (`io`). The C function is `lseek`.
    static func size(_ descriptor: CInt, path: String) throws(ScoutError) -> UInt64 {
        let end = lseek(descriptor, 0, SEEK_END)
        guard end >= 0 else { throw ScoutError.system(.io, "cannot get the size of \(path)", errno) }
        return UInt64(end)
    }

    /// Reads a small regular file.
    ///
    /// - Parameter limit: the most that is read.
    /// - Returns: `nil` where nothing has this name.
    /// - Throws: `ScoutError`: `badData` where it is longer or no regular file, or may not be read; `io`.
    static func read(_ path: String, limit: Int = 64 << 20) throws(ScoutError) -> [UInt8]? {
        guard exists(path) else { return nil }
        let descriptor: CInt
        do throws(ScoutError) {
            descriptor = try openToRead(path, path)
        } catch {
            throw error.code == .noSource ? ScoutError(.badData, error.message, hint: error.hint) : error
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(descriptor, &part, part.count)
            if count == 0 { return bytes }
            let code = errno
            if count < 0 && code == EINTR { continue }
            guard count > 0 else { throw ScoutError.system(.io, "cannot read \(path)", code) }
            guard bytes.count + count <= limit else {
                throw ScoutError(.badData, "\(path) has more than \(limit) bytes, and is not read")
            }
            bytes += part[..<count]
        }
    }

    /// Whether another open file holds the lock on a file, as an acquisition does on what it writes.
    static func isLocked(_ path: String) -> Bool {
        guard let descriptor = try? openToRead(path, path) else { return false }
        defer { close(descriptor) }
        return FileLock.isHeld(descriptor)
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
        let directory = File.directory(of: path)
        var status = statvfs()
        guard statvfs(directory, &status) == 0 else {
            throw ScoutError.system(
                .cannotCreate, "cannot get the free space of \(directory)", errno, hint: "create the directory first")
        }
        return UInt64(status.f_bavail) * UInt64(status.f_frsize)
    }
}
