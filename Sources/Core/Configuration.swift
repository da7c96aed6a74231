import Glibc
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
        guard let bytes = try File.read(path) else { return Configuration() }
        return try parse(String(decoding: bytes, as: UTF8.self), path: path)
    }

    private init() {}

    static func parse(_ text: String, path: String) throws(ScoutError) -> Configuration {
        let shape: Shape
        do {
            shape = try TOMLDecoder(strictDecoding: true).decode(Shape.self, from: text)
        } catch let error as TOMLParseError {
            let place = error.source.begin
            throw bad(path, "line \(place.line), column \(place.column): \(error.description)")
        } catch let error as UnexpectedKeysError {
            throw bad(path, "unknown key: \(error.keys.keys.sorted().joined(separator: ", "))")
        } catch DecodingError.keyNotFound(let key, let context) {
            let table = context.codingPath.map(\.stringValue).joined(separator: ".")
            throw bad(path, "'\(key.stringValue)' is missing in [\(table)]")
        } catch DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context) {
            throw bad(path, "\(context.codingPath.map(\.stringValue).joined(separator: ".")): not the type expected")
        } catch {
            throw bad(path, "\(error)")
        }
        return try shape.configuration(path)
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
        let sshPort: UInt16?
        let hostControlPort: UInt16?

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

    func configuration(_ path: String) throws(ScoutError) -> Configuration {
        var result = Configuration.empty
        for (name, shape) in target ?? [:] {
            guard let address = Address(shape.address) else {
                throw ScoutError(.badData, "\(path): [target.\(name)]: '\(shape.address)' is no address")
            }
            result.insert(
                Target(name: name, address: address, identity: shape.identity, topology: shape.topology))
        }
        for (name, shape) in topology ?? [:] {
            result.insert(try shape.topology(name, path: path))
        }
        result.setDefaults(target: defaultTarget, topology: preferredTopology)
        return result
    }
}

extension Shape.TopologyShape {
    func topology(_ name: String, path: String) throws(ScoutError) -> Topology {
        let base = basedOn ?? Topology.documented.name
        guard var result = Topology.presets.first(where: { $0.name == base }) else {
            throw ScoutError(.badData, "\(path): [topology.\(name)]: based-on = \"\(base)\" is no preset")
        }
        for address in [hostVPNAddress, hostContainerAddress, containerAddress] {
            guard address.map({ IPAddress($0) != nil }) ?? true else {
                throw ScoutError(.badData, "\(path): [topology.\(name)]: '\(address ?? "")' is no numeric address")
            }
        }
        result.name = name
        result.hostVPNAddress = hostVPNAddress ?? result.hostVPNAddress
        result.vpnInterface = vpnInterface ?? result.vpnInterface
        result.hostContainerAddress = hostContainerAddress ?? result.hostContainerAddress
        result.containerInterface = containerInterface ?? result.containerInterface
        result.containerAddress = containerAddress ?? result.containerAddress
        result.sshPort = sshPort ?? result.sshPort
        result.hostControlPort = hostControlPort ?? result.hostControlPort
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
