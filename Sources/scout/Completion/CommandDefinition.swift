import ArgumentParser
import Core
import FoundationEssentials

/// What an option's or argument's value is, where the parser has no word for it.
enum ValueKind: String, CaseIterable, Sendable {
    /// The configured targets, and `local`.
    case targets
    /// Evidence names, and paths where the container is this machine.
    case evidence
    /// Leased ports and the names of their services.
    case leases
    /// The ports that the host forwards.
    case forwardedPorts
    /// The ports for the expert's services.
    case reservedPorts
    /// The networks: the presets and the configured ones.
    case topologies
}

extension CompletionKind {
    private static var mark: String { "<scout>" }

    /// Values that are looked up when TAB is pressed.
    ///
    /// The parser tells a list's words in its definitions, so one word, which no value begins like, carries the kind.
    static func values(_ kind: ValueKind) -> CompletionKind { .list([mark + kind.rawValue]) }

    /// The kind that a list's words stand for.
    fileprivate static func kind(of words: [String]) -> ValueKind? {
        guard words.count == 1, let word = words.first, word.hasPrefix(mark) else { return nil }
        return ValueKind(rawValue: String(word.dropFirst(mark.count)))
    }
}

/// A command's options and arguments, from the parser's own definitions.
struct CommandDefinition: Sendable {
    /// One flag, option or argument.
    struct Argument: Sendable {
        /// What its value may be.
        enum Values: Hashable, Sendable {
            case unknown
            case words([String])
            /// Words with commas between them.
            case list([String])
            case known(ValueKind)
            case files(extensions: [String])
            case directories
        }

        let isPositional: Bool
        let takesValue: Bool
        let isRepeating: Bool
        /// `-t`, `--target`.
        let names: [String]
        let values: Values
        let about: String?
    }

    /// Its flags, options and arguments, without the hidden ones.
    let arguments: [Argument]

    /// - Parameter type: a command without subcommands, or a group of options.
    init(_ type: any ParsableArguments.Type) {
        // A command that the parser can't describe has nothing to offer.
        let dump = try? JSONDecoder().decode(Dump.self, from: Data(type._dumpHelp().utf8))
        arguments = (dump?.command.arguments ?? []).filter(\.shouldDisplay).map(\.argument)
    }

    /// The flag or option of a name.
    func option(_ name: String) -> Argument? {
        arguments.first { $0.names.contains(name) }
    }

    /// The argument at a place; the last one where it repeats.
    func positional(_ index: Int) -> Argument? {
        let positionals = arguments.filter(\.isPositional)
        if positionals.indices.contains(index) { return positionals[index] }
        return positionals.last.flatMap { $0.isRepeating ? $0 : nil }
    }
}

/// The parser's definitions as it writes them (`ToolInfoV0`), as far as completion needs them.
private struct Dump: Decodable {
    struct Command: Decodable {
        let arguments: [Argument]?
    }

    struct Argument: Decodable {
        struct Name: Decodable {
            let kind: String
            let name: String
        }

        struct Kind: Decodable {
            struct List: Decodable { let values: [String] }
            struct File: Decodable { let extensions: [String] }
            struct Nothing: Decodable {}

            let list: List?
            let file: File?
            let directory: Nothing?
        }

        let kind: String
        let shouldDisplay: Bool
        let isRepeating: Bool
        let names: [Name]?
        let valueName: String?
        let allValues: [String]?
        let completionKind: Kind?
        let abstract: String?
    }

    let command: Command
}

extension Dump.Argument {
    var argument: CommandDefinition.Argument {
        CommandDefinition.Argument(
            isPositional: kind == "positional", takesValue: kind == "option", isRepeating: isRepeating,
            names: (names ?? []).map { ($0.kind == "long" ? "--" : "-") + $0.name }, values: values, about: abstract)
    }

    private var values: CommandDefinition.Argument.Values {
        if let kind = completionKind?.list.flatMap({ CompletionKind.kind(of: $0.values) }) { return .known(kind) }
        if let file = completionKind?.file { return .files(extensions: file.extensions) }
        if completionKind?.directory != nil { return .directories }
        guard let words = completionKind?.list?.values ?? allValues, !words.isEmpty else { return .unknown }
        // So our help texts call values that are separated by commas.
        return valueName == "LIST" ? .list(words) : .words(words)
    }
}
