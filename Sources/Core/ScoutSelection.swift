public import FoundationEssentials
import Glibc
public import Platform

/// Where a container is.
public enum Location: Hashable, Sendable {
    /// This machine.
    case local
    /// The far end of an SSH session.
    case remote(Target)
}

/// Which scout a command works on, and its network: what the command line, the environment, the configuration and this
/// machine's interfaces come to.
public struct ScoutSelection: Sendable {
    /// What the command line says.
    public struct Choices: Sendable {
        /// A target's name, an address, or `local`.
        public var target: String?
        /// A topology's name.
        public var topology: String?
        /// The configuration file.
        public var configurationFile: String?
        /// The private key to log in with, before the target's own.
        public var identity: String?
        /// The fingerprint of a host key that may be new.
        public var acceptedHostKey: String?

        /// Nothing chosen.
        public init() {}
    }

    /// The process's environment, with the chosen configuration file in it.
    public let paths: Paths
    /// The configuration file's contents.
    public let configuration: Configuration
    /// Where the container is.
    public let location: Location
    /// Its network.
    public let topology: Topology
    /// The fingerprint of a host key that may be new.
    public let acceptedHostKey: String?
    /// The network of this very machine, where it is named or can be seen.
    private let ownTopology: Topology?

    /// Reads the configuration file, and sends nothing.
    ///
    /// - Parameters:
    ///   - choices: what the command line says.
    ///   - environment: the process's environment.
    ///   - interfaces: this machine's.
    /// - Throws: `ScoutError` (`usage`, `badData`) where they don't go together.
    public init(
        _ choices: Choices, environment: [String: String] = ProcessInfo.processInfo.environment,
        interfaces: [NetworkInterface] = NetworkInterface.all()
    ) throws(ScoutError) {
        var environment = environment
        if let file = choices.configurationFile { environment["SCOUT_CONFIG"] = file }
        paths = Paths(environment: environment)
        configuration = try Configuration.load(paths.configurationFile)
        acceptedHostKey = choices.acceptedHostKey

        let named = choices.topology ?? environment["SCOUT_TOPOLOGY"] ?? configuration.topology
        ownTopology =
            if let named { try configuration.topology(named: named) } else { Topology.detect(on: interfaces) }
        let here = ownTopology ?? .documented
        let text = choices.target ?? environment["SCOUT_TARGET"]
        let isContainer = access(paths.sharedDirectory, F_OK) == 0 || here.isContainer(interfaces)
        let chosen = try Self.location(text, configuration, here, isContainer: isContainer)
        if case .remote(var target) = chosen, let identity = choices.identity {
            target.identity = identity
            location = .remote(target)
        } else {
            location = chosen
        }
        if case .remote(let target) = location, choices.topology == nil, let own = target.topology {
            topology = try configuration.topology(named: own)
        } else {
            topology = here
        }
    }

    private static func location(
        _ text: String?, _ configuration: Configuration, _ topology: Topology, isContainer: Bool
    ) throws(ScoutError) -> Location {
        guard let text, !text.isEmpty else {
            if isContainer { return .local }
            if let name = configuration.defaultTarget {
                guard let target = configuration.targets[name] else {
                    throw ConfigurationFile.unknown(name, configuration)
                }
                return .remote(target)
            }
            return try location(topology.hostVPNAddress, configuration, topology, isContainer: false)
        }
        if text == "local" { return .local }
        if let target = configuration.targets[text] { return .remote(target) }
        let looksLikeAddress = text.contains { "@:.".contains($0) }
        guard looksLikeAddress, let address = Address(text) else {
            throw ConfigurationFile.unknown(text, configuration)
        }
        return .remote(Target(name: text, address: address))
    }

    /// The network that this host is to serve. A wrong one would cut the expert off, so nothing is assumed.
    ///
    /// - Throws: `ScoutError` (`usage`) where it is neither named nor to be seen, as before the container has started.
    public func hostTopology() throws(ScoutError) -> Topology {
        if let ownTopology { return ownTopology }
        throw ScoutError(
            .usage,
            "which Bitscout network this is can't be seen: no interface has the host's address towards the container",
            hint: "name it: --topology \(Topology.documented.name), or --topology \(Topology.since2021.name)")
    }

    /// What the scout is called: the target's name, or `local`.
    public var targetName: String {
        switch location {
        case .local: "local"
        case .remote(let target): target.name
        }
    }

    /// The address that the container's reserved ports are dialled at.
    public var exportHost: String {
        switch location {
        case .local: topology.containerAddress
        case .remote(let target): target.address.host
        }
    }

    /// Where a target's sshd answers, with the topology's port where the target names none.
    public func address(of target: Target) -> Address {
        var address = target.address
        address.port = address.port ?? topology.sshPort
        return address
    }

    /// Who runs this program, for the record.
    public static var operatorName: String {
        if let entry = getpwuid(getuid()) { return String(cString: entry.pointee.pw_name) }
        return "uid \(getuid())"
    }
}
