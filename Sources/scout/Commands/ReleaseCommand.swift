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
        let context = try CommandContext(global)
        let selection = service.map { ReleaseSelection($0) } ?? .all
        let report = try await context.withContainer { try await $0.release(selection) }
        try context.output.result(report) { _ in report.page }
        if report.released.isEmpty { context.output.remark("nothing was leased") }
    }
}
