import Glibc

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
        let old = try Configuration.load(path)
        guard old.targets[target.name] == nil else {
            throw ScoutError(
                .usage, "there is a target '\(target.name)' already", hint: "scout target remove \(target.name)")
        }
        var lines = try lines()
        if old.targets.isEmpty, old.defaultTarget == nil { Self.setDefault(target.name, in: &lines) }
        if let last = lines.last, !last.isEmpty { lines.append("") }
        lines.append("[target.\(Self.quote(target.name))]")
        lines.append("address = \(Self.quote(target.address.description))")
        if let identity = target.identity { lines.append("identity = \(Self.quote(identity))") }
        if let topology = target.topology { lines.append("topology = \(Self.quote(topology))") }
        try save(lines) { $0.targets[target.name] == target && $0.targets.count == old.targets.count + 1 }
    }

    /// Removes a target, and the default where it was the default.
    ///
    /// - Throws: `ScoutError` (`usage`) where there is none of that name.
    public func remove(_ name: String) throws(ScoutError) {
        let old = try Configuration.load(path)
        guard old.targets[name] != nil else { throw Self.unknown(name, old) }
        var lines = try lines()
        let headers = ["[target.\(name)]", "[target.\(Self.quote(name))]"]
        guard let start = lines.firstIndex(where: { line in headers.contains { Self.bare(line) == $0 } }) else {
            throw ScoutError(
                .badData, "\(path): the target '\(name)' does not stand in a table of its own",
                hint: "remove it by hand")
        }
        let end = lines[(start + 1)...].firstIndex { Self.bare($0).hasPrefix("[") } ?? lines.endIndex
        lines.removeSubrange(start..<end)
        if old.defaultTarget == name { Self.setDefault(nil, in: &lines) }
        try save(lines) { $0.targets[name] == nil && $0.targets.count == old.targets.count - 1 }
    }

    /// Makes a target the default.
    ///
    /// - Throws: `ScoutError` (`usage`) where there is none of that name.
    public func use(_ name: String) throws(ScoutError) {
        let old = try Configuration.load(path)
        guard old.targets[name] != nil else { throw Self.unknown(name, old) }
        var lines = try lines()
        Self.setDefault(name, in: &lines)
        try save(lines) { $0.defaultTarget == name && $0.targets == old.targets }
    }

    /// The error for a target that is not configured, listing those that are.
    public static func unknown(_ name: String, _ configuration: Configuration) -> ScoutError {
        let known = configuration.targets.keys.sorted().joined(separator: ", ")
        let hint = known.isEmpty ? "scout target add \(name) ADDRESS" : "known: \(known)"
        return ScoutError(.usage, "no target '\(name)'", hint: hint)
    }

    private func lines() throws(ScoutError) -> [String] {
        let bytes = try File.read(path) ?? []
        var lines = String(decoding: bytes, as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        while lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }

    private func save(_ lines: [String], check: (Configuration) -> Bool) throws(ScoutError) {
        let text = lines.joined(separator: "\n") + "\n"
        guard check(try Configuration.parse(text, path: path)) else {
            throw ScoutError(.badData, "\(path): this change would alter more than it should", hint: "edit it by hand")
        }
        let directory = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        if !directory.isEmpty, access(directory, F_OK) != 0 { try File.makePrivateDirectory(directory) }
        try File.replace(path, with: text.utf8)
    }

    /// The key stands before the first table, as TOML wants of a key of the whole document.
    private static func setDefault(_ name: String?, in lines: inout [String]) {
        let firstTable = lines.firstIndex { bare($0).hasPrefix("[") } ?? lines.endIndex
        let place = lines[..<firstTable].firstIndex { bare($0).hasPrefix("default-target") }
        if let place { lines.remove(at: place) }
        if let name { lines.insert("default-target = \(quote(name))", at: place ?? 0) }
    }

    private static func bare(_ line: String) -> String {
        String(line.drop { $0 == " " || $0 == "\t" }.prefix { $0 != "#" }.reversed().drop { $0 == " " }.reversed())
    }

    /// A basic string of TOML.
    private static func quote(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\" + String(scalar)
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
