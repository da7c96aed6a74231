import ArgumentParser
import Core
import Diagnostics
import Host

/// `scout doctor`: every hop, the first that fails, what to do.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Check every hop to a port of the container: which fails, why, and who can fix it.",
        discussion: """
            A port that nothing holds is proven with a nonce, a leased one by its service. Without a port it takes a free one.
            """)
    @Argument(
        help: ArgumentHelp("A forwarded port.", valueName: "PORT"),
        completion: .values(.forwardedPorts))
    var port: UInt16?
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let context = try CommandContext(global)
        if let port, !context.topology.forwardedPorts.contains(port) {
            throw ScoutError(
                .usage, "port \(port) is not one that the host forwards",
                hint: "these are: \(context.topology.portsText)")
        }
        let (subject, scout) = (context.subject, context.scout)
        let report =
            subject.target == nil
            ? await ContainerDoctor(subject, asking: scout).examine(port)
            : await Doctor(subject, asking: scout).examine(port)
        try context.output.result(report) { report.page(style: $0) }
        if !report.ok { throw ExitCode(1) }
    }
}
