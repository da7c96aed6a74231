import CLinux
import Glibc

/// Calls on files that only Linux has.
///
/// Each returns what the C function does: 0 or a descriptor, or -1 with `errno` set.
public enum LinuxFile {
    /// `O_PATH` of open(2): nothing is opened but the name.
    public static var pathOnly: CInt { clinux_o_path }
    /// `O_DIRECT` of open(2): past the page cache.
    public static var direct: CInt { clinux_o_direct }

    /// Gives a file another name, which must not exist. The C function is `renameat2` with `RENAME_NOREPLACE`.
    public static func renameWithoutReplacing(_ old: String, to new: String) -> CInt {
        clinux_renameat2(AT_FDCWD, old, AT_FDCWD, new, clinux_rename_noreplace)
    }

    /// Begins to write a range of a file to its medium: `SYNC_FILE_RANGE_WRITE`.
    ///
    /// - Parameters:
    ///   - file: open for writing.
    ///   - offset: the first byte.
    ///   - count: how many bytes; 0 is up to the end.
    ///
    /// The C function is `sync_file_range`.
    public static func startWriting(_ file: CInt, offset: Int64, count: Int64) -> CInt {
        clinux_sync_file_range(file, offset, count, clinux_sync_file_range_write)
    }

    /// As ``startWriting(_:offset:count:)``, and waits until it is there. It says nothing of the file's own size and place,
    /// which `fsync` is for.
    public static func writeAndWait(_ file: CInt, offset: Int64, count: Int64) -> CInt {
        clinux_sync_file_range(file, offset, count, clinux_sync_file_range_write_and_wait)
    }

    /// Where the next data of a file lie.
    ///
    /// - Parameters:
    ///   - file: open for reading.
    ///   - offset: bytes from the start of the file.
    /// - Returns: from where to where, at or behind the offset; empty where nothing but a hole follows; `nil` where the
    ///   file system does not tell. The C function is `lseek` with `SEEK_DATA` and `SEEK_HOLE`.
    public static func nextData(of file: CInt, from offset: Int64) -> Range<Int64>? {
        let start = lseek(file, off_t(offset), clinux_seek_data)
        guard start >= 0 else { return errno == ENXIO ? offset..<offset : nil }
        let end = lseek(file, start, clinux_seek_hole)
        return end > start ? Int64(start)..<Int64(end) : nil
    }

    /// The kinds of file system that are told apart, after linux/magic.h.
    public enum FileSystemKind: Sendable {
        /// ext2 to ext4.
        case ext
        /// XFS.
        case xfs
        /// Btrfs.
        case btrfs
        /// In memory.
        case tmpfs
        /// Over the network.
        case nfs
        /// Any other.
        case other
    }

    /// What a file lies on. `nil` where the kernel does not tell. The C function is `fstatfs`.
    public static func fileSystem(of file: CInt) -> FileSystemKind? {
        var type: Int64 = 0
        guard clinux_file_system(file, &type) == 0 else { return nil }
        return switch type {
        case clinux_ext_magic: .ext
        case clinux_xfs_magic: .xfs
        case clinux_btrfs_magic: .btrfs
        case clinux_tmpfs_magic: .tmpfs
        case clinux_nfs_magic: .nfs
        default: .other
        }
    }
}
