import ArgumentParser
import Core
import FoundationEssentials
import Ports

/// `scout examine`: what `evidence` starts for each device, since one that is dying may never answer; not for people.
struct ExamineCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "examine", abstract: "Say what is known of one evidence device.", shouldDisplay: false)
    @Argument(help: "Its name.") var name: String

    func run() throws {
        EvidenceList(paths: Paths(environment: ProcessInfo.processInfo.environment)).examine(name)
    }
}
