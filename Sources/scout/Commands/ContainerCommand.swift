import ArgumentParser
import Core
import Toolkit

/// `scout container …`: what a laptop's scout starts in the container; not for people.
struct ContainerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "container", abstract: "The container's end of scout's own protocol.", shouldDisplay: false,
        subcommands: [Answer.self])

    /// `scout container answer`: reads one request on standard input, and answers it in frames on standard output.
    struct Answer: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Answer one request.", shouldDisplay: false)
        @Argument(help: "What process lists show.") var label: [String] = []
        @OptionGroup var global: GlobalOptions

        func run() async throws {
            let status = await RequestServer(version: Version.text).run {
                try CommandContext(global).localContainer
            } begin: { request in
                if request.onlyReads { ReaderWatch.start { Console.current.complain($0) } }
            }
            throw ExitCode(status)
        }
    }
}
