import ArgumentParser
import Core
import Diagnostics
import Host

/// `scout doctor`: every hop, the first that fails, what to do.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Check every hop to a port of the container: which fails, why, and who can mend it.",
        discussion: """
            A port that nothing holds is proven with a nonce, a leased one by its service. Without a port it takes a free one.
            """)
    @Argument(
        help: ArgumentHelp("A forwarded port.", valueName: "PORT"),
        completion: .values(.forwardedPorts))
    var port: UInt16?
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let invocation = try Invocation(global)
        if let port, !invocation.topology.forwardedPorts.contains(port) {
            throw ScoutError(
                .usage, "port \(port) is none that the host forwards",
                hint: "these are: \(invocation.topology.portsText)")
        }
        let (subject, scout) = (invocation.subject, invocation.scout)
        let report =
            subject.target == nil
            ? await ContainerDoctor(subject, asking: scout).examine(port)
            : await Doctor(subject, asking: scout).examine(port)
        let forPeople = invocation.output.isForPeople
        try invocation.output.result(report) { report.page(forPeople: forPeople) }
        if !report.ok { throw ExitCode(1) }
    }
}
