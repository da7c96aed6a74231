public import Core
import Glibc
import Platform

/// A device or file that can be served: found, looked at, never written to.
public struct Source: Hashable, Sendable {
    /// The name it is exported by where nothing else is asked for.
    public let name: String
    /// Its absolute path.
    public let path: String
    /// Which disk or file it is, whatever the path leads to later.
    public let identity: SourceIdentity
    /// Its size.
    public let sizeBytes: Int64
    /// Whether the kernel, or for a file its permissions, refuse writes.
    public let readOnly: Bool
    /// The maker's model, where the kernel knows it.
    public let model: String?
    /// The serial number, where the kernel knows it.
    public let serial: String?

    /// Whether it is a block device.
    public var isBlockDevice: Bool { identity.isBlockDevice }

    /// How long a device may take to answer what costs no time: longer than a disk that wakes up, as a rule.
    static let deadline = Duration.seconds(5)

    /// Finds a source by its evidence name or its path.
    ///
    /// - Parameters:
    ///   - text: `evidence0`, or a path (anything with a slash).
    ///   - directory: where evidence devices lie.
    ///   - trial: the arguments that run ``tryOpening(_:in:)`` in this program, its path first; the text follows.
    /// - Throws: `ScoutError` (`noSource`), listing the known names; `io` where it can't be read, or does not answer.
    public static func find(_ text: String, in directory: String, trial: [String]) throws(ScoutError) -> Source {
        try OpenSource.open(text, in: directory, trial: trial).source
    }

    /// Opens a source and closes it again, which on a dying disk may never return.
    public static func tryOpening(_ text: String, in directory: String) throws(ScoutError) {
        _ = try OpenSource(text, in: directory)
    }

    /// A source's name and the path it is shown by.
    ///
    /// - Throws: `ScoutError` (`noSource`).
    static func locate(_ text: String, in directory: String) throws(ScoutError) -> (name: String, path: String) {
        let path = text.contains("/") ? text : directory + "/" + text
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        guard !text.isEmpty, text != ".", text != "..", realpath(path, &buffer) != nil else {
            throw missing(text, in: directory)
        }
        let name = path.split(separator: "/").last.map(String.init) ?? path
        let resolved = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // An evidence device keeps the name the owner gave it; the link behind it says nothing to the expert.
        return (name, text.contains("/") ? resolved : path)
    }

    /// What is known of it without opening it, which a dying disk may not let anybody do.
    ///
    /// - Parameter info: from `stat`.
    init(name: String, path: String, unopened info: stat) throws(ScoutError) {
        guard let identity = SourceIdentity(info) else { throw Self.neither(path) }
        self.init(
            name: name, path: path, identity: identity,
            sizeBytes: identity.isBlockDevice
                ? (Sysfs.text("size", of: identity.device).flatMap { Int64($0) } ?? 0) &* 512 : Int64(info.st_size),
            readOnly: identity.isBlockDevice
                ? Sysfs.text("ro", of: identity.device) == "1" : info.st_mode & 0o222 == 0)
    }

    private init(name: String, path: String, identity: SourceIdentity, sizeBytes: Int64, readOnly: Bool) {
        self.name = name
        self.path = path
        self.identity = identity
        self.sizeBytes = sizeBytes
        self.readOnly = readOnly
        model = identity.isBlockDevice ? Sysfs.text("device/model", of: identity.device) : nil
        serial = identity.isBlockDevice ? Sysfs.text("device/serial", of: identity.device) : nil
    }

    /// Looks at an open device or file.
    ///
    /// - Throws: `ScoutError` (`noSource`, `io`).
    init(name: String, path: String, descriptor: CInt) throws(ScoutError) {
        var info = stat()
        guard fstat(descriptor, &info) == 0 else {
            throw ScoutError(.io, "\(path): \(String(cString: strerror(errno)))")
        }
        guard let identity = SourceIdentity(info) else { throw Self.neither(path) }
        let end = lseek(descriptor, 0, SEEK_END)
        guard end >= 0 else { throw ScoutError(.io, "\(path): its size can't be read") }
        self.init(
            name: name, path: path, identity: identity, sizeBytes: Int64(end),
            // A device that does not say counts as writable.
            readOnly: identity.isBlockDevice
                ? BlockDevice.isReadOnly(descriptor) == true : info.st_mode & 0o222 == 0)
    }

    private static func neither(_ path: String) -> ScoutError {
        ScoutError(.noSource, "\(path) is neither a block device nor a file", hint: "scout evidence")
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
        DirectoryListing.names(in: directory).filter { !$0.hasPrefix(".") }.sorted { counted($0) < counted($1) }
    }

    /// A name as its word and its number: `evidence9` comes before `evidence10`, and both before `storage0`.
    private static func counted(_ name: String) -> (String, Int, String) {
        let word = name.prefix { !$0.isNumber }
        return (String(word), Int(name.dropFirst(word.count)) ?? -1, name)
    }
}

/// A source that was opened once. What is looked at, compared and served is this descriptor: whoever puts another disk
/// under its path changes nothing.
final class OpenSource: Sendable {
    /// What was seen of it.
    let source: Source
    /// Open for reading; closed with this object.
    let descriptor: CInt

    /// - Parameters:
    ///   - name: what it is called.
    ///   - path: opened at once; blocks for as long as the device does.
    /// - Throws: `ScoutError` (`noSource`, `io`).
    init(name: String, path: String) throws(ScoutError) {
        let opened = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard opened >= 0 else {
            throw ScoutError(
                errno == ENOENT ? .noSource : .io, "\(path) can't be read: \(String(cString: strerror(errno)))",
                hint: errno == EACCES ? "run as a user who may read it" : nil)
        }
        descriptor = opened
        do {
            source = try Source(name: name, path: path, descriptor: opened)
        } catch {
            close(opened)
            throw error
        }
    }

    deinit { close(descriptor) }

    /// Finds and opens a source within ``Source/deadline``.
    ///
    /// A process that hangs in a call to a dying disk can't even exit, so one that can be left behind tries first.
    ///
    /// - Parameter trial: the arguments that run ``Source/tryOpening(_:in:)`` in this program, its path first; the text follows.
    /// - Throws: `ScoutError`: as ``Source/find(_:in:trial:)``.
    static func open(_ text: String, in directory: String, trial: [String]) throws(ScoutError) -> OpenSource {
        guard let executable = trial.first else { throw ScoutError(.failed, "no command to try a source with") }
        let child = ChildProcess(executable, trial + [text])
        let tried = try ScoutError.wrap(child.output(within: Source.deadline, limit: 4096))
        guard tried.status != nil else { throw silent(text) }
        let opened: Result<OpenSource, ScoutError>?
        do throws(SystemError) {
            opened = try Bounded.run(within: Source.deadline) {
                Result { () throws(ScoutError) in try OpenSource(text, in: directory) }
            }
        } catch {
            throw ScoutError(error)
        }
        guard let opened else { throw silent(text) }
        return try opened.get()
    }

    /// Finds a source by its evidence name or its path, and opens it at once.
    convenience init(_ text: String, in directory: String) throws(ScoutError) {
        let (name, path) = try Source.locate(text, in: directory)
        try self.init(name: name, path: path)
    }

    static func silent(_ name: String) -> ScoutError {
        ScoutError(
            .io, "\(name) does not answer within \(Source.deadline.components.seconds) s",
            hint: "the disk may be failing: scout evidence shows what is known of it")
    }
}
