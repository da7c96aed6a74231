import ArgumentParser
import Core

/// The options that every command takes, before or after its name.
struct GlobalOptions: ParsableArguments {
    @Option(
        name: [.customShort("t"), .long],
        help: ArgumentHelp(
            "The scout to work on: a name, an address, or 'local'.", valueName: "NAME|[USER@]ADDR[:PORT]|local"),
        completion: .values(.targets))
    var target: String?

    @Flag(help: "Print one JSON object instead of text.")
    var json = false

    @Flag(name: .shortAndLong, help: "Say more on stderr.")
    var verbose = false

    @Flag(name: .shortAndLong, help: "Print the result only: no progress, no remarks.")
    var quiet = false

    @Option(
        help: ArgumentHelp("The network: documented, 22.04, loopback, or one of the configuration.", valueName: "NAME"),
        completion: .values(.topologies))
    var topology: String?

    @Option(help: ArgumentHelp("The configuration file.", valueName: "FILE"), completion: .file(extensions: ["toml"]))
    var config: String?

    @Option(
        help: ArgumentHelp("The private key to log in with, before the target's own.", valueName: "FILE"),
        completion: .file())
    var identity: String?

    @Option(
        help: ArgumentHelp(
            "Accept an unknown host key, if this is its fingerprint.", valueName: "SHA256:…", visibility: .default))
    var acceptHostKey: String?
}

extension GlobalOptions {
    /// What they say about the scout to work on.
    var choices: ScoutSelection.Choices {
        var choices = ScoutSelection.Choices()
        choices.target = target
        choices.topology = topology
        choices.configurationFile = config
        choices.identity = identity
        choices.acceptedHostKey = acceptHostKey
        return choices
    }

    private static let flags: Set<String> = ["--json", "--verbose", "-v", "--quiet", "-q"]
    private static let options: Set<String> = [
        "--target", "-t", "--topology", "--config", "--identity", "--accept-host-key",
    ]

    /// Moves global options that stand before a command to where the parser takes them, after it.
    ///
    /// - Parameters:
    ///   - arguments: the command line without the program's name.
    ///   - root: the command tree.
    static func moved(_ arguments: [String], root: any ParsableCommand.Type) -> [String] {
        var leading: [String] = []
        var path: [String] = []
        var rest = arguments[...]
        var command: any ParsableCommand.Type = root
        while let next = rest.first {
            if flags.contains(next) || options.contains(where: { next.hasPrefix($0 + "=") && $0.hasPrefix("--") }) {
                leading.append(rest.removeFirst())
            } else if options.contains(next), rest.count > 1 {
                leading += [rest.removeFirst(), rest.removeFirst()]
            } else if let subcommand = command.configuration.subcommands.first(where: { $0.verb == next }) {
                path.append(rest.removeFirst())
                command = subcommand
            } else {
                break
            }
        }
        let isLeaf = command.configuration.subcommands.isEmpty
        return isLeaf ? path + leading + rest : arguments
    }
}

extension ParsableCommand {
    /// What is typed for it: the configured name, or the type's in lower case.
    static var verb: String { configuration.commandName ?? "\(Self.self)".lowercased() }
}
