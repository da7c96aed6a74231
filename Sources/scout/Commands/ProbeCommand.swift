import ArgumentParser
import Core
import Glibc
import Ports

/// `scout probe`: what `doctor` and `forwards` run in the container to prove a way; not for people.
struct ProbeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe", abstract: "Listen on free ports until stdin ends, and tell callers a nonce.",
        shouldDisplay: false)
    @Option(help: "What to tell.") var nonce: String
    @Argument(help: "The ports.") var ports: [UInt16]
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        guard (1...64).contains(nonce.utf8.count), nonce.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) })
        else {
            throw ValidationError("the nonce must be 1 to 64 letters and digits")
        }
    }

    func run() throws {
        let invocation = try Invocation(global)
        let probe = try PortProbe(ports, nonce: nonce, topology: invocation.topology, paths: invocation.paths)
        // In one line, so that the reader knows where it ends.
        let bytes = try JSON.encode(probe.report).map { $0 == 10 ? 32 : $0 }
        try Output.printJSON(String(decoding: bytes, as: UTF8.self))
        probe.run(until: STDIN_FILENO)
    }
}
