import ArgumentParser
import Core

/// `scout release`: ends services and frees their ports.
struct ReleaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release", abstract: "End a service and free its port.")
    @Argument(
        help: ArgumentHelp("The port, or the service's name.", valueName: "PORT|NAME"),
        completion: .values(.leases))
    var service: String?
    @Flag(help: "End every service.") var all = false
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        if (service == nil) != all { throw ValidationError("name a port or a service, or --all") }
    }

    func run() async throws {
        let invocation = try Invocation(global)
        let selection: ReleaseSelection =
            service.map { text in UInt16(text).map(ReleaseSelection.port) ?? .name(text) } ?? .all
        let report = try await invocation.withContainer { try await $0.release(selection) }
        try invocation.output.result(report) {
            Page(report.released.map { "released \($0.port) \($0.name)" })
        }
        if report.released.isEmpty { invocation.output.remark("nothing was leased") }
    }
}
