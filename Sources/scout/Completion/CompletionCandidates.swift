import Core
import FoundationEssentials
import Glibc
import Platform
import Toolkit

/// The values that TAB offers: from local state and the answers of earlier commands, never from the network.
///
/// Whatever goes wrong, the answer is no candidates and no word.
struct CompletionCandidates: Sendable {
    /// The kinds of answers that are remembered, a file each per target.
    enum Kind: String {
        case evidence
        case ports
    }

    /// The process's environment, or a test's.
    var environment = ProcessInfo.processInfo.environment

    /// The user's home directory.
    var home: String { Paths(environment: environment).home }

    /// Finds values.
    ///
    /// - Parameters:
    ///   - kind: which.
    ///   - context: what the command line says about the target, the network and the configuration.
    func values(_ kind: ValueKind, _ context: Completer.Context) -> [Candidate] {
        guard let selection = selection(context) else { return [] }
        /// Where the container is this machine.
        var local: LocalContainer {
            LocalContainer(topology: selection.topology, paths: selection.paths, version: Version.text)
        }
        switch kind {
        case .targets: return Self.targets(selection.configuration)
        case .topologies: return Self.topologies(selection.configuration)
        case .forwardedPorts: return selection.topology.forwardedPorts.map { Candidate(value: String($0)) }
        case .reservedPorts: return selection.topology.reservedPorts.map { Candidate(value: String($0)) }
        case .evidence:
            guard case .local = selection.location else { return Self.remembered(.evidence, selection) }
            // Where the container is this machine, a path may be given, too.
            return local.evidenceNames.map { Candidate(value: $0) }
                + [Candidate(value: "/", continues: true)]
        case .leases:
            guard case .local = selection.location else { return Self.remembered(.ports, selection) }
            return Self.leases(local.leases)
        }
    }

    private static func targets(_ configuration: Configuration) -> [Candidate] {
        configuration.targets.values.sorted { $0.name < $1.name }.map {
            let isDefault = $0.name == configuration.defaultTarget
            return Candidate(value: $0.name, about: $0.address.description + (isDefault ? ", the default" : ""))
        } + [Candidate(value: "local", about: "the container, where that is this machine")]
    }

    private static func topologies(_ configuration: Configuration) -> [Candidate] {
        let own = configuration.topologies.values.sorted { $0.name < $1.name }
        return (Topology.presets.filter { preset in !own.contains { $0.name == preset.name } } + own).map {
            Candidate(
                value: $0.name, about: "\($0.hostVPNAddress) on \($0.vpnInterface), container \($0.containerAddress)")
        }
    }

    private static func leases(_ leases: [LeaseReport]) -> [Candidate] {
        leases.map { Candidate(value: String($0.port), about: "\($0.name): \($0.source)") }
            + leases.map { Candidate(value: $0.name, about: "port \($0.port)") }
    }

    private func selection(_ context: Completer.Context) -> ScoutSelection? {
        var choices = ScoutSelection.Choices()
        choices.target = context.target
        choices.topology = context.topology
        choices.configurationFile = context.config.map(Paths(environment: environment).expand)
        return try? ScoutSelection(choices, environment: environment)
    }
}

/// What earlier commands saw on a target. It came from there: what is not plain text is neither kept nor believed.
extension CompletionCandidates {
    /// More devices or leases than any target has.
    private static let mostRemembered = 256

    /// Remembers evidence for the next TAB; a cache that can't be written is no failure.
    static func remember(_ report: EvidenceReport, _ selection: ScoutSelection) {
        let candidates = report.devices.map {
            Candidate(
                value: $0.name,
                about: $0.isKnown
                    ? "\(Quantity.size($0.sizeBytes)), \($0.readOnly ? "read-only" : "writable")" : "not known")
        }
        remember(candidates, .evidence, selection)
    }

    /// Remembers leases for the next TAB.
    static func remember(_ report: PortsReport, _ selection: ScoutSelection) {
        remember(leases(report.ports.compactMap { $0.lease?.service }), .ports, selection)
    }

    private static func remember(_ candidates: [Candidate], _ kind: Kind, _ selection: ScoutSelection) {
        guard case .remote = selection.location else { return }
        let directory = selection.paths.cacheDirectory
        guard (try? File.makePrivateDirectory(directory)) != nil else { return }
        let lines = Completion(candidates).candidates.prefix(mostRemembered).map { candidate in
            candidate.value + (candidate.about.map { "\t" + $0 } ?? "") + "\n"
        }
        try? File.replace(file(kind, selection), with: lines.joined().utf8)
    }

    private static func remembered(_ kind: Kind, _ selection: ScoutSelection) -> [Candidate] {
        let path = file(kind, selection)
        var info = stat()
        guard lstat(path, &info) == 0, info.st_mode & S_IFMT == S_IFREG,
            let bytes = try? File.read(path, limit: mostRemembered * 512)
        else { return [] }
        let lines = bytes.split(separator: UInt8(ascii: "\n")).prefix(mostRemembered)
        return Completion(
            lines.map { line in
                let parts = line.split(separator: UInt8(ascii: "\t"), maxSplits: 1, omittingEmptySubsequences: false)
                    .map { String(decoding: $0, as: UTF8.self) }
                return Candidate(value: parts[0], about: parts.count == 2 ? parts[1] : nil)
            }
        ).candidates
    }

    /// A file for each target: what is no letter, digit or `-` in its name is written as hexadecimal digits.
    private static func file(_ kind: Kind, _ selection: ScoutSelection) -> String {
        let name = selection.targetName.utf8.map { byte in
            let scalar = Unicode.Scalar(byte)
            let isKept =
                scalar.isASCII && scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || scalar == "-"
            return isKept ? String(Character(scalar)) : "_" + String(byte, radix: 16)
        }
        return "\(selection.paths.cacheDirectory)/\(kind.rawValue)-\(name.joined())"
    }
}
