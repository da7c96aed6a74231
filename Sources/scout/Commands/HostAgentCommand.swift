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
        let context = try CommandContext(global)
        let path =
            socket ?? context.paths.environment["SCOUT_HOST_SOCKET"]
            ?? context.paths.sharedDirectoryOnHost + "/scout.sock"
        let firewall = try context.hostFirewall()
        // Better now than in every answer: rules that can't be read.
        _ = try await firewall.report(source: .agent)
        let agent = HostAgent(socketPath: path) { firewall.redactedReport() }
        let stop = try ScoutError.wrap(WakeEvent())
        let interrupts = Interrupts { stop.signal() }
        defer { interrupts.stop() }
        try await Thread.run {
            try agent.run(until: stop.descriptor) { context.output.remark("answering at \(path)") }
        }
    }
}
