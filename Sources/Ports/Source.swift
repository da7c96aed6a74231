public import Core
import Glibc

/// A device or file that can be served: found, looked at, never written to.
public struct Source: Hashable, Sendable {
    /// The name it is exported by where nothing else is asked for.
    public let name: String
    /// Its absolute path.
    public let path: String
    /// Its size.
    public let sizeBytes: Int64
    /// Whether the kernel, or for a file its permissions, refuse writes.
    public let readOnly: Bool
    /// Whether it is a block device.
    public let isBlockDevice: Bool
    /// The maker's model, where the kernel knows it.
    public let model: String?
    /// The serial number, where the kernel knows it.
    public let serial: String?

    /// Finds a source by its evidence name or its path.
    ///
    /// - Parameters:
    ///   - text: `evidence0`, or a path (anything with a slash).
    ///   - directory: where evidence devices lie.
    /// - Throws: `ScoutError` (`noSource`), listing the known names; `io` where it can't be read.
    public static func find(_ text: String, in directory: String) throws(ScoutError) -> Source {
        let path = text.contains("/") ? text : directory + "/" + text
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        guard !text.isEmpty, text != ".", text != "..", realpath(path, &buffer) != nil else {
            throw missing(text, in: directory)
        }
        let name = path.split(separator: "/").last.map(String.init) ?? path
        let resolved = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // An evidence device keeps the name the owner gave it; the link behind it says nothing to the expert.
        let shown = text.contains("/") ? resolved : path
        return try Source(name: name, path: shown)
    }

    /// Looks at a device or file.
    ///
    /// - Throws: `ScoutError` (`noSource`, `io`).
    init(name: String, path: String) throws(ScoutError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw ScoutError(
                errno == ENOENT ? .noSource : .io, "\(path) can't be read: \(String(cString: strerror(errno)))",
                hint: errno == EACCES ? "run as a user who may read it" : nil)
        }
        defer { close(descriptor) }
        var info = stat()
        guard fstat(descriptor, &info) == 0 else {
            throw ScoutError(.io, "\(path): \(String(cString: strerror(errno)))")
        }
        switch info.st_mode & S_IFMT {
        case S_IFBLK:
            isBlockDevice = true
            readOnly = Self.isReadOnly(descriptor)
            model = Sysfs.text("device/model", of: info.st_rdev)
            serial = Sysfs.text("device/serial", of: info.st_rdev)
        case S_IFREG:
            isBlockDevice = false
            readOnly = info.st_mode & 0o222 == 0
            model = nil
            serial = nil
        default:
            throw ScoutError(.noSource, "\(path) is neither a block device nor a file", hint: "scout evidence")
        }
        let end = lseek(descriptor, 0, SEEK_END)
        guard end >= 0 else { throw ScoutError(.io, "\(path): its size can't be read") }
        sizeBytes = Int64(end)
        self.name = name
        self.path = path
    }

    /// Asks the device itself; one that does not say counts as writable. The C call is `ioctl(BLKROGET)`.
    private static func isReadOnly(_ descriptor: CInt) -> Bool {
        let blkroget: UInt = 0x125E
        var flag: CInt = 0
        return ioctl(descriptor, blkroget, &flag) == 0 && flag != 0
    }

    private static func missing(_ text: String, in directory: String) -> ScoutError {
        if text.contains("/") { return ScoutError(.noSource, "there is no \(text)", hint: "scout evidence") }
        let known = names(in: directory)
        let hint =
            known.isEmpty
            ? "\(directory) is empty: ask the owner to map a disk" : "known: \(known.joined(separator: ", "))"
        return ScoutError(.noSource, "no evidence named '\(text)'", hint: hint)
    }

    /// The names of the entries of the evidence directory, in the order a person counts.
    public static func names(in directory: String) -> [String] {
        Directory.entries(directory).filter { !$0.hasPrefix(".") }.sorted { counted($0) < counted($1) }
    }

    /// A name as its word and its number: `evidence9` comes before `evidence10`, and both before `storage0`.
    private static func counted(_ name: String) -> (String, Int, String) {
        let word = name.prefix { !$0.isNumber }
        return (String(word), Int(name.dropFirst(word.count)) ?? -1, name)
    }
}

/// What the kernel says of a block device, in `/sys/dev/block`.
enum Sysfs {
    private static func directory(_ device: dev_t) -> String {
        let major = (device >> 8) & 0xfff | (device >> 32) & ~0xfff
        let minor = device & 0xff | (device >> 12) & ~0xff
        return "/sys/dev/block/\(major):\(minor)"
    }

    static func text(_ attribute: String, of device: dev_t) -> String? {
        guard let bytes = try? File.read(directory(device) + "/" + attribute) else { return nil }
        let text = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return text.isEmpty ? nil : text
    }
}
