import Glibc
import Platform

/// Changes to `config.toml` that leave everything else in it, comments too, as the user wrote it.
///
/// Each change edits the text, reads the result back, and only then replaces the file.
public struct ConfigurationFile: Sendable {
    /// The file.
    public let path: String

    /// - Parameter path: the file; it need not exist yet.
    public init(_ path: String) {
        self.path = path
    }

    /// Adds a target, and makes the first one the default.
    ///
    /// - Throws: `ScoutError` (`usage`) where the name is taken or no name.
    public func add(_ target: Target) throws(ScoutError) {
        guard Target.isName(target.name) else {
            throw ScoutError(
                .usage, "'\(target.name)' can't name a target",
                hint: "letters, digits, '-', '_' and '.', other than 'local' or an address")
        }
        var change = try Change(path)
        guard change.old.targets[target.name] == nil else {
            throw ScoutError(
                .usage, "there is a target '\(target.name)' already", hint: "scout target remove \(target.name)")
        }
        if change.old.targets.isEmpty, change.old.defaultTarget == nil {
            change.text.set(Self.defaultKey, to: Self.quote(target.name))
        }
        var lines = ["[target.\(Self.quote(target.name))]", "address = \(Self.quote(target.address.description))"]
        if let identity = target.identity { lines.append("identity = \(Self.quote(identity))") }
        if let topology = target.topology { lines.append("topology = \(Self.quote(topology))") }
        change.text.append(lines)
        try change.save { old, new in
            new.targets[target.name] == target && new.targets.count == old.targets.count + 1
        }
    }

    /// Removes a target, and the default where it was the default.
    ///
    /// - Throws: `ScoutError` (`usage`) where there is none of that name.
    public func remove(_ name: String) throws(ScoutError) {
        var change = try Change(path)
        guard change.old.targets[name] != nil else { throw Self.unknown(name, change.old) }
        guard let heading = change.text.places().first(where: { $0.isHeading && $0.path == ["target", name] }) else {
            throw ScoutError(
                .badData, "\(path): the target '\(name)' does not stand in a table of its own",
                hint: "remove it by hand")
        }
        change.text.remove(heading: heading)
        if change.old.defaultTarget == name { change.text.set(Self.defaultKey, to: nil) }
        try change.save { old, new in new.targets[name] == nil && new.targets.count == old.targets.count - 1 }
    }

    /// Makes a target the default.
    ///
    /// - Throws: `ScoutError` (`usage`) where there is none of that name.
    public func use(_ name: String) throws(ScoutError) {
        var change = try Change(path)
        guard change.old.targets[name] != nil else { throw Self.unknown(name, change.old) }
        change.text.set(Self.defaultKey, to: Self.quote(name))
        try change.save { old, new in new.defaultTarget == name && new.targets == old.targets }
    }

    /// The error for a target that is not configured, listing those that are.
    public static func unknown(_ name: String, _ configuration: Configuration) -> ScoutError {
        let known = configuration.targets.keys.sorted().joined(separator: ", ")
        let remedy = Target.isName(name) ? "scout target add \(name) ADDRESS" : "scout target add NAME ADDRESS"
        let hint = known.isEmpty ? remedy : "known: \(known)"
        return ScoutError(.usage, "no target '\(name)'", hint: hint)
    }

    private static let defaultKey = "default-target"

    /// A basic string of TOML.
    private static func quote(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\" + String(scalar)
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

/// A change on its way: what the file holds, nobody else's hand on it until this is gone.
private struct Change {
    /// The file that is written: where links lead to.
    private let file: String
    private let path: String
    private let lock: DirectoryLock
    /// What it holds.
    let old: Configuration
    /// What it will hold.
    var text: ConfigurationText

    /// Waits for the file.
    ///
    /// - Throws: `ScoutError`: `busy` where another holds it for ten seconds, `badData` where it can't be read as settings.
    init(_ path: String) throws(ScoutError) {
        self.path = path
        file = try ScoutError.wrap(File.followingLinks(path))
        // A device or a pipe would be replaced by a file.
        var info = stat()
        guard stat(file, &info) != 0 || info.st_mode & S_IFMT == S_IFREG else {
            throw ScoutError(.cannotCreate, "\(path) is not a file that settings can be written to")
        }
        let directory = File.directory(of: file)
        if access(directory, F_OK) != 0 { try ScoutError.wrap(File.makePrivateDirectory(directory)) }
        lock = try DirectoryLock(directory, for: path)
        text = try ConfigurationText(try ScoutError.wrap(File.read(file)) ?? [], path: path)
        old = try Configuration.parse(text, path: path)
    }

    /// Reads the result back, and replaces the file.
    ///
    /// - Parameter isMeant: whether the settings before and after differ in what was asked for, and in nothing else.
    func save(_ isMeant: (Configuration, Configuration) -> Bool) throws(ScoutError) {
        guard isMeant(old, try Configuration.parse(text, path: path)) else {
            throw ScoutError(.badData, "\(path): this change would alter more than it should", hint: "edit it by hand")
        }
        try ScoutError.wrap(File.replaceFollowingLinks(file, with: text.bytes))
        lock.release()
    }
}

/// Keeps every other scout's hand off a directory's settings: the file itself is replaced, so it can't carry the lock.
private final class DirectoryLock {
    private let descriptor: CInt
    private var isHeld = true

    /// Waits up to ten seconds; the kernel ends the lock with its holder.
    init(_ directory: String, for path: String) throws(ScoutError) {
        descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw ScoutError(.cannotCreate, "\(directory): \(String(cString: strerror(errno)))")
        }
        do throws(SystemError) { try FileLock.waitForDirectory(descriptor, within: .seconds(10)) } catch {
            if error.kind == .busy {
                throw ScoutError(.busy, "another scout is changing \(path)", hint: "try again in a moment")
            }
            throw ScoutError(.io, "\(path) can't be locked: \(error.message)", errno: error.errno)
        }
    }

    /// Called behind the last change, which keeps the object alive until then.
    func release() {
        // Only a directory's descriptor: closing has nothing to write that could fail.
        if isHeld, descriptor >= 0 { close(descriptor) }
        isHeld = false
    }

    deinit { release() }
}
