import Glibc
import Platform
import TOMLKit

/// `config.toml`: the targets, the default one, and networks of one's own.
///
/// ```toml
/// default-target = "case42"
/// default-topology = "22.04"
///
/// [target.case42]
/// address = "root@scout.example:22"
/// identity = "~/.ssh/case42"
///
/// [topology.field]
/// based-on = "documented"
/// container-address = "…"
/// ```
public struct Configuration: Sendable {
    /// The target that commands take where none is named.
    public private(set) var defaultTarget: String?
    /// The network of targets that name none.
    public private(set) var topology: String?
    /// The targets, by name.
    public private(set) var targets: [String: Target] = [:]
    /// Networks of one's own, by name.
    public private(set) var topologies: [String: Topology] = [:]

    /// Reads a file; one that is not there is an empty configuration.
    ///
    /// - Throws: `ScoutError` (`badData`) with line and column.
    public static func load(_ path: String) throws(ScoutError) -> Configuration {
        guard let bytes = try ScoutError.wrap(File.read(path)) else { return Configuration() }
        return try parse(ConfigurationText(bytes, path: path), path: path)
    }

    private init() {}

    static func parse(_ text: ConfigurationText, path: String) throws(ScoutError) -> Configuration {
        let shape: Shape
        if let odd = text.unnamedHeading {
            throw bad(path, "line \(odd.line + 1): a table's name is expected, and there is \(odd.found)")
        }
        do {
            shape = try TOMLDecoder(strictDecoding: true).decode(Shape.self, from: text.toml)
        } catch let error as TOMLParseError {
            let place = error.source.begin
            throw bad(path, "line \(place.line), column \(place.column): \(error.description)")
        } catch let error as UnexpectedKeysError {
            throw unknownKeys(error, text, path)
        } catch DecodingError.keyNotFound(let key, let context) {
            // The decoder says so of a value of another type, too, and counts the key to the path.
            let parents = context.codingPath.map(\.stringValue)
            let table = parents.last == key.stringValue ? parents.dropLast() : parents
            let names = table + [key.stringValue]
            if text.places().contains(where: { $0.path == names }) { throw mistyped(names, text, path) }
            let place = "[\(table.joined(separator: "."))]"
            throw bad(path, "\(text.position(table))'\(key.stringValue)' is missing in \(place)")
        } catch DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context) {
            throw mistyped(context.codingPath.map(\.stringValue), text, path)
        } catch {
            throw bad(path, "\(error)")
        }
        do {
            return try shape.configuration()
        } catch {
            throw bad(path, "\(text.position(error.path))\(error.description)")
        }
    }

    private static func mistyped(_ key: [String], _ text: ConfigurationText, _ path: String) -> ScoutError {
        bad(path, "\(text.position(key))\(key.joined(separator: ".")): not the type expected")
    }

    /// Names each unknown key with its table and line.
    private static func unknownKeys(_ error: UnexpectedKeysError, _ text: ConfigurationText, _ path: String)
        -> ScoutError
    {
        let keys = error.keys.map { key, parents in
            (table: parents.map(\.stringValue).filter { $0 != key }, key: key)
        }.sorted { ($0.table.joined(), $0.key) < ($1.table.joined(), $1.key) }
        let words = keys.map { table, key in
            let place = table.isEmpty ? "" : " in [\(table.joined(separator: "."))]"
            return "\(text.position(table + [key]))unknown key: \(key)\(place)"
        }
        return bad(path, words.joined(separator: "; "))
    }

    private static func bad(_ path: String, _ reason: String) -> ScoutError {
        ScoutError(.badData, "\(path): \(reason)", hint: "mend the file, or name another with --config")
    }

    /// Finds a network: one's own first, then the presets.
    ///
    /// - Throws: `ScoutError` (`usage`) that lists the known ones.
    public func topology(named name: String) throws(ScoutError) -> Topology {
        if let found = topologies[name] ?? Topology.presets.first(where: { $0.name == name }) { return found }
        let known = Topology.presets.map(\.name) + topologies.keys.sorted()
        throw ScoutError(.usage, "no topology '\(name)'", hint: "known: \(known.joined(separator: ", "))")
    }
}

/// The file as TOML has it.
private struct Shape: Decodable {
    struct TargetShape: Decodable {
        let address: String
        let identity: String?
        let topology: String?
    }

    struct TopologyShape: Decodable {
        let basedOn: String?
        let hostVPNAddress: String?
        let vpnInterface: String?
        let hostContainerAddress: String?
        let containerInterface: String?
        let containerAddress: String?
        let sshPort: Int?
        let hostControlPort: Int?

        enum CodingKeys: String, CodingKey {
            case basedOn = "based-on"
            case hostVPNAddress = "host-vpn-address"
            case vpnInterface = "vpn-interface"
            case hostContainerAddress = "host-container-address"
            case containerInterface = "container-interface"
            case containerAddress = "container-address"
            case sshPort = "ssh-port"
            case hostControlPort = "host-control-port"
        }
    }

    let defaultTarget: String?
    let preferredTopology: String?
    let target: [String: TargetShape]?
    let topology: [String: TopologyShape]?

    enum CodingKeys: String, CodingKey {
        case defaultTarget = "default-target"
        case preferredTopology = "default-topology"
        case target
        case topology
    }

    fileprivate func configuration() throws(Misfit) -> Configuration {
        var result = Configuration.empty
        for (name, shape) in target ?? [:] {
            guard let address = Address(shape.address) else {
                throw Misfit(["target", name, "address"], "'\(shape.address)' is no address")
            }
            result.insert(
                Target(name: name, address: address, identity: shape.identity, topology: shape.topology))
        }
        for (name, shape) in topology ?? [:] {
            result.insert(try shape.topology(name))
        }
        result.setDefaults(target: defaultTarget, topology: preferredTopology)
        return result
    }
}

/// A value of the right type that can't be what it is for.
private struct Misfit: Error {
    /// The names down to its key.
    let path: [String]
    let reason: String

    init(_ path: [String], _ reason: String) {
        self.path = path
        self.reason = reason
    }

    var description: String { "[\(path.dropLast().joined(separator: "."))]: \(path.last ?? ""): \(reason)" }
}

extension Shape.TopologyShape {
    fileprivate func topology(_ name: String) throws(Misfit) -> Topology {
        let base = basedOn ?? Topology.documented.name
        guard var result = Topology.presets.first(where: { $0.name == base }) else {
            throw Misfit(["topology", name, "based-on"], "\"\(base)\" is no preset")
        }
        // Addresses, interfaces and ports stand in the rules that are loaded into the kernel.
        func checked<Value>(_ value: Value?, _ key: CodingKeys, _ isGood: (Value) -> Bool, _ reason: String)
            throws(Misfit) -> Value?
        {
            guard let value, !isGood(value) else { return value }
            throw Misfit(["topology", name, key.stringValue], "'\(value)' \(reason)")
        }
        func address(_ value: String?, _ key: CodingKeys, _ preset: String) throws(Misfit) -> String {
            try checked(value, key, { IPAddress($0) != nil && !$0.contains("%") }, "is no numeric address") ?? preset
        }
        func interface(_ value: String?, _ key: CodingKeys, _ preset: String) throws(Misfit) -> String {
            try checked(value, key, NetworkInterface.isName, "can't name an interface") ?? preset
        }
        func port(_ value: Int?, _ key: CodingKeys, _ preset: UInt16) throws(Misfit) -> UInt16 {
            try checked(value, key, { (1...65535).contains($0) }, "is no port: 1 to 65535").map { UInt16($0) } ?? preset
        }
        result.name = name
        result.hostVPNAddress = try address(hostVPNAddress, .hostVPNAddress, result.hostVPNAddress)
        result.vpnInterface = try interface(vpnInterface, .vpnInterface, result.vpnInterface)
        result.hostContainerAddress = try address(
            hostContainerAddress, .hostContainerAddress, result.hostContainerAddress)
        result.containerInterface = try interface(containerInterface, .containerInterface, result.containerInterface)
        result.containerAddress = try address(containerAddress, .containerAddress, result.containerAddress)
        result.sshPort = try port(sshPort, .sshPort, result.sshPort)
        result.hostControlPort = try port(hostControlPort, .hostControlPort, result.hostControlPort)
        return result
    }
}

extension Configuration {
    fileprivate static var empty: Configuration { Configuration() }
    fileprivate mutating func insert(_ target: Target) { targets[target.name] = target }
    fileprivate mutating func insert(_ topology: Topology) { topologies[topology.name] = topology }
    fileprivate mutating func setDefaults(target: String?, topology: String?) {
        defaultTarget = target
        self.topology = topology
    }
}
