import Core
import FoundationEssentials
import Glibc
import Platform

/// One command's surroundings: the environment, the configuration, and the scout it works on.
struct Invocation: Sendable {
    /// Where a container is.
    enum Place: Sendable {
        /// This machine.
        case local
        /// The far end of an SSH session.
        case remote(Target)
    }

    /// The process's environment, with `--config` in it.
    let paths: Paths
    /// The configuration file's contents.
    let configuration: Configuration
    /// The scout this command works on.
    let place: Place
    /// Its network.
    let topology: Topology
    /// The network of this very machine, where it is named or can be seen.
    private let ownTopology: Topology?
    /// How results and remarks are written.
    let output: Output
    /// The fingerprint of a host key that may be new.
    let acceptedHostKey: String?

    /// - Parameters:
    ///   - options: what the command line says.
    ///   - environment: the process's environment.
    /// - Throws: `ScoutError` (`usage`, `badData`) where they don't go together.
    init(_ options: GlobalOptions, environment: [String: String] = ProcessInfo.processInfo.environment)
        throws(ScoutError)
    {
        var environment = environment
        if let file = options.config { environment["SCOUT_CONFIG"] = file }
        paths = Paths(environment: environment)
        configuration = try Configuration.load(paths.configurationFile)
        output = Output(json: options.json, quiet: options.quiet, verbose: options.verbose)
        acceptedHostKey = options.acceptHostKey

        let interfaces = NetworkInterface.all()
        let named = options.topology ?? environment["SCOUT_TOPOLOGY"] ?? configuration.topology
        ownTopology =
            if let named { try configuration.topology(named: named) } else { Topology.detect(on: interfaces) }
        let here = ownTopology ?? .documented
        let text = options.target ?? environment["SCOUT_TARGET"]
        let isContainer = access(paths.sharedDirectory, F_OK) == 0 || here.isContainer(interfaces)
        let chosen = try Self.place(text, configuration, here, isContainer: isContainer)
        if case .remote(var target) = chosen, let identity = options.identity {
            target.identity = identity
            place = .remote(target)
        } else {
            place = chosen
        }
        if case .remote(let target) = place, options.topology == nil, let own = target.topology {
            topology = try configuration.topology(named: own)
        } else {
            topology = here
        }
    }

    /// The network that this host is to serve. A wrong one would cut the expert off, so nothing is assumed.
    ///
    /// - Throws: `ScoutError` (`usage`) where it is neither named nor to be seen, as before the container has started.
    func hostTopology() throws(ScoutError) -> Topology {
        if let ownTopology { return ownTopology }
        throw ScoutError(
            .usage,
            "which Bitscout network this is can't be seen: no interface has the host's address towards the container",
            hint: "name it: --topology \(Topology.documented.name), or --topology \(Topology.since2021.name)")
    }

    private static func place(
        _ text: String?, _ configuration: Configuration, _ topology: Topology, isContainer: Bool
    ) throws(ScoutError) -> Place {
        guard let text, !text.isEmpty else {
            if isContainer { return .local }
            if let name = configuration.defaultTarget {
                guard let target = configuration.targets[name] else {
                    throw ConfigurationFile.unknown(name, configuration)
                }
                return .remote(target)
            }
            return try place(topology.hostVPNAddress, configuration, topology, isContainer: false)
        }
        if text == "local" { return .local }
        if let target = configuration.targets[text] { return .remote(target) }
        let looksLikeAddress = text.contains { "@:.".contains($0) }
        guard looksLikeAddress, let address = Address(text) else {
            throw ConfigurationFile.unknown(text, configuration)
        }
        return .remote(Target(name: text, address: address))
    }

    /// The name that completion's cache files the target's answers under.
    var placeName: String {
        switch place {
        case .local: "local"
        case .remote(let target): target.name
        }
    }
}
