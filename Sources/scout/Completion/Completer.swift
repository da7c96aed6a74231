import ArgumentParser

/// Decides what TAB offers: walks the words as the parser will, and asks its definitions what may come next.
struct Completer {
    /// What the words so far say about where values are to be looked up.
    struct Context: Hashable, Sendable {
        var target: String?
        var topology: String?
        var config: String?

        fileprivate mutating func note(_ option: CommandDefinition.Argument, _ value: String) {
            if option.names.contains("--target") { target = value }
            if option.names.contains("--topology") { topology = value }
            if option.names.contains("--config") { config = value }
        }
    }

    /// The command tree.
    let root: any ParsableCommand.Type
    /// The user's home directory, for `~/`.
    let home: String
    /// Finds values. Called once at the most.
    let lookUp: (ValueKind, Context) -> [Candidate]

    /// What may stand at the cursor.
    ///
    /// - Parameters:
    ///   - words: what stands before, without the program's name.
    ///   - word: the word at the cursor.
    func complete(_ words: [String], _ word: ShellWord) -> Completion {
        // What the shell will put there is not known here.
        if word.expands { return Completion() }
        var walk = Walk(root: root)
        for next in words { walk.take(next) }
        if let option = walk.pending { return values(of: option, word, walk.context) }
        if walk.isHelp { return Completion(of: word.string, walk.verbs) }
        if !walk.isTerminated, word.text.first == "-" { return options(word, walk) }
        if walk.isGroup { return walk.positionals == 0 ? Completion(of: word.string, walk.verbs) : Completion() }
        guard let argument = walk.definition.positional(walk.positionals) else { return Completion() }
        return values(of: argument, word, walk.context)
    }

    /// The files that a redirection may name.
    func files(_ word: ShellWord) -> Completion {
        word.expands ? Completion() : PathCandidates(home: home).complete(word, from: 0)
    }

    private func options(_ word: ShellWord, _ walk: Walk) -> Completion {
        if let place = word.text.firstIndex(of: "=") {
            let name = String(String.UnicodeScalarView(word.text[..<place]))
            guard let option = walk.definition.option(name), option.takesValue else { return Completion() }
            return values(of: option, word, walk.context, from: place + 1)
        }
        let free = walk.options.filter { $0.isRepeating || walk.used.isDisjoint(with: $0.names) }
        return Completion(
            of: word.string, free.flatMap { option in option.names.map { Candidate(value: $0, about: option.about) } })
    }

    private func values(
        of argument: CommandDefinition.Argument, _ word: ShellWord, _ context: Context, from kept: Int = 0
    ) -> Completion {
        let text = word.string
        var completion =
            switch argument.values {
            case .unknown: Completion()
            case .words(let words): Completion(kept: kept, of: text, words.map { Candidate(value: $0) })
            case .list(let words): Self.list(words, word, from: kept)
            case .files(let extensions):
                PathCandidates(home: home, extensions: extensions).complete(word, from: kept)
            case .directories: PathCandidates(home: home, directoriesOnly: true).complete(word, from: kept)
            case .known(.evidence) where word.text.dropFirst(kept).contains("/"):
                // A path in the container, which is this machine or out of reach.
                lookUp(.evidence, context).contains { $0.continues }
                    ? PathCandidates(home: home).complete(word, from: kept) : Completion()
            case .known(let kind): Completion(kept: kept, of: text, lookUp(kind, context).filter { !$0.continues })
            }
        // The parser would take it for an option.
        if completion.kept == 0 { completion.candidates.removeAll { $0.value.hasPrefix("-") } }
        return completion
    }

    /// Words with commas between them, each once.
    private static func list(_ words: [String], _ word: ShellWord, from kept: Int) -> Completion {
        let start = word.text[kept...].lastIndex(of: ",").map { $0 + 1 } ?? kept
        let taken = String(String.UnicodeScalarView(word.text[kept..<start])).split(separator: ",")
        let free = words.filter { !taken.contains($0[...]) && (taken.isEmpty || $0 != "none") }
        return Completion(kept: start, of: word.string, free.map { Candidate(value: $0) })
    }
}

/// Where on the command line the cursor stands.
private struct Walk {
    private var command: any ParsableCommand.Type
    private let root: any ParsableCommand.Type
    /// The flags and options that may be given, and, once the command is known, its arguments.
    private(set) var definition = CommandDefinition(GlobalOptions.self)
    /// The option that waits for its value.
    private(set) var pending: CommandDefinition.Argument?
    private(set) var positionals = 0
    private(set) var isTerminated = false
    private(set) var isHelp = false
    private(set) var used: Set<String> = []
    private(set) var context = Completer.Context()

    init(root: any ParsableCommand.Type) {
        self.root = root
        command = root
    }

    /// Whether another verb is due.
    var isGroup: Bool { !command.configuration.subcommands.isEmpty }

    /// The verbs that may come next. `help` is the parser's own, which it tells of in no definition.
    var verbs: [Candidate] {
        let verbs = command.configuration.subcommands.filter { $0.configuration.shouldDisplay }
            .map { Candidate(value: $0.verb, about: $0.configuration.abstract) }
        return verbs + (command == root && !isHelp ? [Candidate(value: "help", about: "Show a command's help.")] : [])
    }

    /// The flags and options that may come next; `--version` goes with no command.
    var options: [CommandDefinition.Argument] {
        let options = definition.arguments.filter { !$0.isPositional }
        guard command == root, !root.configuration.version.isEmpty else { return options }
        return options + [
            .init(
                isPositional: false, takesValue: false, isRepeating: false, names: ["--version"], values: .unknown,
                about: "Show the version.")
        ]
    }

    mutating func take(_ word: String) {
        if let option = pending {
            context.note(option, word)
            pending = nil
        } else if isTerminated {
            positionals += 1
        } else if word == "--" {
            isTerminated = true
        } else if word.hasPrefix("-"), word != "-" {
            takeOption(word)
        } else if let next = command.configuration.subcommands.first(where: { $0.verb == word }) {
            command = next
            if !isGroup { definition = CommandDefinition(next) }
        } else if command == root, word == "help" {
            isHelp = true
        } else {
            positionals += 1
        }
    }

    private mutating func takeOption(_ word: String) {
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        // -qt NAME: several letters, of which the last may want a value.
        let isGroupOfLetters = !word.hasPrefix("--") && parts[0].count > 2
        let names = isGroupOfLetters ? parts[0].dropFirst().map { "-\($0)" } : [parts[0]]
        for name in names {
            guard let option = definition.option(name) else { continue }
            used.formUnion(option.names)
            guard option.takesValue, name == names.last else { continue }
            if parts.count == 2 { context.note(option, parts[1]) } else { pending = option }
        }
    }
}
