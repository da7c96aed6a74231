import ArgumentParser
import Core
import FoundationEssentials
import Ports

/// `scout examine`: what `evidence` starts for each device, since one that is dying may never answer; not for people.
struct ExamineCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "examine", abstract: "Say what is known of one evidence device.", shouldDisplay: false)
    @Flag(help: "Open it, and say nothing.") var openOnly = false
    @Argument(help: "Its name.") var name: String

    func run() throws {
        let paths = Paths(environment: ProcessInfo.processInfo.environment)
        if openOnly { return try Source.tryOpening(name, in: paths.evidenceDirectory) }
        try EvidenceList(paths: paths).examine(name)
    }
}
