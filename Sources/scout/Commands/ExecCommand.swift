import ArgumentParser
import Core
import FoundationEssentials
import Glibc
import Platform
import Sessions

/// `scout exec`: one command in the container.
struct ExecCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exec",
        abstract: "Run one command in the container.",
        discussion: """
            Its streams, signals and exit status pass through; the words reach it as they are, no shell expands them:

              scout exec -- sh -c 'fdisk -l /dev/host/evidence0 | tee /tmp/table'
            """)

    @Flag(help: "Give it a terminal.") var tty = false
    @Argument(help: ArgumentHelp("The command, after --.", valueName: "CMD")) var command: [String] = []
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        if command.isEmpty { throw ValidationError("name a command: scout exec -- CMD") }
    }

    func run() async throws {
        let context = try CommandContext(global)
        guard case .remote(let target) = context.location else { throw Self.become(command) }
        let remote = try RemoteCommand(command)
        let terminal = tty ? context.paths.environment["TERM"] ?? "dumb" : nil
        let status = try await context.selection.connector(for: target).withSession(
            to: context.selection.address(of: target)
        ) {
            try await remote.stream(over: $0, terminalType: terminal)
        }
        throw ExitCode(status)
    }

    /// Here, the process becomes the command. Returns only where that fails.
    private static func become(_ command: [String]) -> ScoutError {
        InheritedSignals.restore()
        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) }
        arguments.append(nil)
        execvp(command[0], arguments)
        let code = errno
        return ScoutError(code == ENOENT ? .noSource : .failed, "\(command[0]): \(String(cString: strerror(code)))")
    }
}
