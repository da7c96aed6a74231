import CLinux
import Glibc

/// What the kernel says of a block device (ioctl_list(2), linux/fs.h).
public enum BlockDevice {
    /// Whether it takes no writes: `BLKROGET`. `nil` where the descriptor is no block device.
    public static func isReadOnly(_ descriptor: CInt) -> Bool? {
        var flag: CInt = 0
        return clinux_block_is_read_only(descriptor, &flag) == 0 ? flag != 0 : nil
    }

    /// Its size in bytes: `BLKGETSIZE64`. `nil` where the descriptor is no block device.
    public static func size(_ descriptor: CInt) -> UInt64? {
        var bytes: UInt64 = 0
        return clinux_block_size(descriptor, &bytes) == 0 ? bytes : nil
    }

    /// Its sectors in bytes, as it is addressed and as it is made: `BLKSSZGET`, `BLKPBSZGET`.
    public static func sectorSize(_ descriptor: CInt) -> (logical: Int, physical: Int)? {
        var (logical, physical) = (CInt(), CUnsignedInt())
        guard clinux_block_sector_size(descriptor, &logical, &physical) == 0 else { return nil }
        return (Int(logical), Int(physical))
    }
}
