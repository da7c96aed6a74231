import ArgumentParser
import Glibc
import Platform
import Sessions

/// The whole command line.
struct Scout: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scout",
        abstract: "The expert's toolkit for Bitscout: remote evidence, over the VPN, in one tool.",
        discussion: """
            The usual day: name the scout once, look at its evidence, image a disk.

              scout target add case42 10.1.0.2 && scout evidence && scout acquire evidence0 evidence0.dd
            """,
        version: Version.text,
        subcommands: [
            TargetCommand.self, StatusCommand.self, EvidenceCommand.self, AcquireCommand.self, VerifyCommand.self,
            HashCommand.self, ServeCommand.self, PortsCommand.self, ReleaseCommand.self, ForwardsCommand.self,
            DoctorCommand.self, ExecCommand.self, HostCommand.self, CompletionCommand.self, CompleteCommand.self,
            GateCommand.self, ContainerCommand.self, ExamineCommand.self,
        ])
}

/// The version of this program.
enum Version {
    static let text = "0.1.0"
}

/// Parses, runs, and turns every outcome into an exit status.
@main
enum Main {
    static func main() async {
        StandardDescriptors.open()
        InheritedSignals.ignore()
        let typed = CompletionCommand.spelled(Array(CommandLine.arguments.dropFirst()))
        let arguments = GlobalOptions.moved(typed, root: Scout.self)
        let end = Failure(arguments)
        do {
            var command = try Scout.parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            end.exit(with: error)
        }
        end.leave(0)
    }
}

/// The signals that this program ignores, whatever it was started with.
enum InheritedSignals {
    // A peer that leaves is an error to report, not a reason to die of; so is a file that grows past a limit (ulimit -f).
    private static let before = [SIGPIPE, SIGXFSZ].map { ($0, SignalAction.current($0)) }

    static func ignore() {
        for (number, _) in before { SignalAction.ignored.install(for: number) }
    }

    /// As our caller had them: for a program that takes this one's place.
    static func restore() {
        for (number, action) in before { action.install(for: number) }
    }
}
