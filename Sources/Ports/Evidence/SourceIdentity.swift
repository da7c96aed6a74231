import Core
import Glibc
import Platform

/// Which disk or file it is, whatever it is called: the kernel's numbers.
public struct SourceIdentity: Codable, Hashable, Sendable {
    /// Of a block device its own number, of a file that of its file system.
    let device: UInt64
    /// A file's inode; zero for a block device, which has as many inodes as names.
    let inode: UInt64
    let isBlockDevice: Bool

    /// `nil` for what is neither a block device nor a file.
    init?(_ info: stat) {
        switch info.st_mode & S_IFMT {
        case S_IFBLK: (device, inode, isBlockDevice) = (UInt64(info.st_rdev), 0, true)
        case S_IFREG: (device, inode, isBlockDevice) = (UInt64(info.st_dev), UInt64(info.st_ino), false)
        default: return nil
        }
    }

    /// Follows links; `nil` where there is nothing to serve. The C function is `stat`.
    init?(path: String) {
        var info = stat()
        guard stat(path, &info) == 0 else { return nil }
        self.init(info)
    }

    private init(device: UInt64) {
        (self.device, inode, isBlockDevice) = (device, 0, true)
    }

    /// `7:3` of a block device, `254:0/1234` of a file.
    public var text: String {
        isBlockDevice ? Sysfs.numbers(device) : "\(Sysfs.numbers(device))/\(inode)"
    }

    /// Itself and all that lies below it: a partition's disk, a loop device's file, a mapped device's parts.
    func withFoundations() -> Set<SourceIdentity> {
        var found: Set<SourceIdentity> = [self]
        var pending = [self]
        while let next = pending.popLast(), found.count < 64 {
            guard next.isBlockDevice else { continue }
            for lower in next.foundations() where found.insert(lower).inserted { pending.append(lower) }
        }
        return found
    }

    private func foundations() -> [SourceIdentity] {
        var lower: [SourceIdentity] = []
        func add(_ numbers: String?) {
            let parts = (numbers ?? "").split(separator: ":").compactMap { UInt64($0) }
            if parts.count == 2 { lower.append(SourceIdentity(device: Sysfs.device(parts[0], parts[1]))) }
        }
        if Sysfs.text("partition", of: device) != nil { add(Sysfs.text("../dev", of: device)) }
        for name in DirectoryListing.names(in: Sysfs.directory(device) + "/slaves") where !name.hasPrefix(".") {
            add(Sysfs.text("slaves/\(name)/dev", of: device))
        }
        if let file = Sysfs.line("loop/backing_file", of: device), let identity = SourceIdentity(path: file) {
            lower.append(identity)
        }
        return lower
    }
}

/// What the kernel says of a block device, in `/sys/dev/block`: without asking the device.
enum Sysfs {
    static func directory(_ device: UInt64) -> String { "/sys/dev/block/" + numbers(device) }

    /// A device's major and minor number, as the C macros have them (makedev(3)).
    static func numbers(_ device: UInt64) -> String {
        let major = (device >> 8) & 0xfff | (device >> 32) & ~0xfff
        let minor = device & 0xff | (device >> 12) & ~0xff
        return "\(major & 0xffff_ffff):\(minor & 0xffff_ffff)"
    }

    static func device(_ major: UInt64, _ minor: UInt64) -> UInt64 {
        (major & ~0xfff) << 32 | (major & 0xfff) << 8 | (minor & ~0xff) << 12 | minor & 0xff
    }

    /// An attribute's first line as it is; `nil` where there is none.
    static func line(_ attribute: String, of device: UInt64) -> String? {
        guard let bytes = try? File.read(directory(device) + "/" + attribute) else { return nil }
        let line = String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self)
        return line.isEmpty ? nil : line
    }

    /// An attribute with its blanks in order.
    static func text(_ attribute: String, of device: UInt64) -> String? {
        line(attribute, of: device).map { $0.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
            .flatMap { $0.isEmpty ? nil : $0 }
    }
}
