import Core
import Glibc
import Platform

/// A file that this process made, under a name that was free, and that it can tell from every other one.
///
/// The descriptor stays open for as long as anybody holds this object, so that no other file can take its inode.
final class HeldFile: Sendable {
    let path: String
    let descriptor: CInt
    private let device: dev_t
    private let inode: ino_t

    /// - Throws: `ScoutError` (`cannotCreate`). The C function is `open` with `O_EXCL`.
    init(_ path: String) throws(ScoutError) {
        descriptor = try FileSystem.create(path)
        self.path = path
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let code = errno
            close(descriptor)
            throw ScoutError.system(.cannotCreate, "cannot get the status of \(path)", code)
        }
        device = status.st_dev
        inode = status.st_ino
    }

    deinit {
        // What was written has been synced and flushed before, and those results were looked at; or it is given up.
        close(descriptor)
    }

    /// Whether a name leads to this file and to no other.
    func isNamed(_ name: String) -> Bool {
        var status = stat()
        return lstat(name, &status) == 0 && status.st_dev == device && status.st_ino == inode
    }

    /// Whether a name of this file can be told from other files at all: some network file systems number them anew.
    var isInPlace: Bool { isNamed(path) }

    /// Takes the name away, if it still leads to this file.
    func remove() {
        // Where this fails, an empty or unfinished file of this process stays behind, and nobody else's is touched.
        if isInPlace { unlink(path) }
    }

    /// Replaces the contents and syncs them.
    ///
    /// - Throws: `ScoutError` (`io`): the first error of any call.
    func write(_ bytes: [UInt8]) throws(ScoutError) {
        guard bytes.withUnsafeBytes({ File.writeAll($0, to: descriptor) }) else {
            throw FileSystem.writeFailure(path, errno)
        }
        try FileSystem.sync(descriptor, path: path)
    }
}
