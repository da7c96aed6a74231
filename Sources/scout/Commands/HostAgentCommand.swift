import ArgumentParser
import Core
import Host
import Platform

/// `scout host agent`: answers forward status to the container.
struct HostAgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent",
        abstract: "Tell the container what the host forwards, over a Unix socket.",
        discussion: """
            It takes one fixed line and obeys nothing (Docs/HostAgentProtocol.md). Docs/scout-host-agent.service runs it at boot.
            """)
    @Option(
        help: ArgumentHelp("Where to listen: in the directory that the container shares.", valueName: "PATH"),
        completion: .file())
    var socket: String?
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let invocation = try Invocation(global)
        let path =
            socket ?? invocation.paths.environment["SCOUT_HOST_SOCKET"]
            ?? invocation.paths.sharedDirectoryOnHost + "/scout.sock"
        let firewall = try invocation.hostFirewall()
        // Better now than in every answer: rules that can't be read.
        _ = try await firewall.report(source: .agent)
        let agent = HostAgent(socketPath: path) { firewall.redactedReport() }
        let stop = try ScoutError.wrap(WakeEvent())
        let interrupts = Interrupts { stop.signal() }
        defer { interrupts.stop() }
        try await Thread.run {
            try agent.run(until: stop.descriptor) { invocation.output.remark("answering at \(path)") }
        }
    }
}
