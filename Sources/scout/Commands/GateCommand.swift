import ArgumentParser
import Ports

/// `scout gate`: what `serve` starts for each leased port; not for people.
struct GateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gate", abstract: "Keep one leased port.", shouldDisplay: false)
    @Argument(help: "What process lists show.") var label: [String] = []

    func run() throws {
        try Gate.run()
    }
}
