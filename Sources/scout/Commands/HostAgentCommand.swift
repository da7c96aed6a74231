import ArgumentParser
import Core
import Dispatch
import Glibc
import Host
import Platform
import Synchronization

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
        let topology = try invocation.hostTopology()
        // Better now than in every answer: rules that can't be read.
        _ = try await firewall.report(source: .agent)
        let agent = HostAgent(socketPath: path) {
            Self.wait { () async throws(ScoutError) in
                try await firewall.report(source: .agent).redacted(topology)
            }
        }
        let word = try ScoutError.wrap(PipeEnds(nonblocking: .write))
        // A pipe that is full has the word in it already.
        let interrupts = Interrupts { _ = write(word.write, "x", 1) }
        defer { interrupts.stop() }
        try await Thread.run {
            try agent.run(until: word.read) { invocation.output.remark("answering at \(path)") }
        }
    }

    /// Waits on a plain thread for what is awaited elsewhere.
    private static func wait<Value: Sendable>(
        _ body: @escaping @Sendable () async throws(ScoutError) -> Value
    ) -> Result<Value, ScoutError> {
        let result = Mutex<Result<Value, ScoutError>?>(nil)
        let done = DispatchSemaphore(value: 0)
        Task {
            let outcome: Result<Value, ScoutError>
            do throws(ScoutError) { outcome = .success(try await body()) } catch { outcome = .failure(error) }
            result.withLock { $0 = outcome }
            done.signal()
        }
        done.wait()
        return result.withLock { $0 } ?? .failure(ScoutError(.failed, "no answer"))
    }
}
