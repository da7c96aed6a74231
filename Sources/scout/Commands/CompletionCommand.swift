import ArgumentParser
import Core
import Glibc
import Platform

/// `scout completion`: the scripts for the shells.
struct CompletionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completion",
        abstract: "Print a shell's completion script.",
        discussion: """
            make install puts them where the shells look. By hand: source <(scout completion bash), the same with zsh, or \
            scout completion fish | source
            """)
    @Argument(help: ArgumentHelp("Which shell.", valueName: "bash|zsh|fish")) var shell: Shell
    @OptionGroup var global: GlobalOptions

    func run() throws {
        try Console.current.printForShell(shell.script)
    }

    /// The parser has an option of its own that prints a script of its own making; here it prints the same as the verb.
    static func spelled(_ words: [String]) -> [String] {
        let option = "--generate-completion-script"
        guard let first = words.first, first == option || first.hasPrefix(option + "=") else { return words }
        return ["completion"] + (first == option ? [] : [String(first.dropFirst(option.count + 1))]) + words.dropFirst()
    }
}

extension Shell: ExpressibleByArgument {}

/// `scout __complete`: what the scripts ask when TAB is pressed; not for people.
struct CompleteCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "__complete", abstract: "Say what may stand at the cursor.", shouldDisplay: false)
    @Argument var shell: Shell
    @Argument(parsing: .captureForPassthrough) var words: [String] = []

    func run() throws {
        // Whatever hangs, a file system or a gate, is left behind: nothing is offered then.
        SignalAction { _ in _exit(0) }.install(for: SIGALRM)
        alarm(1)
        let candidates = CompletionCandidates()
        let completer = Completer(root: Scout.self, home: candidates.home, lookUp: candidates.values)
        try Console.current.printForShell(shell.answer(words, completer))
    }
}
