import ArgumentParser
import Core
import Platform

/// `scout ports`: the reserved ports and what holds them.
struct PortsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ports", abstract: "Show the reserved ports: what is served, to whom, how much.")
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let context = try CommandContext(global)
        let report = try await context.withContainer { try await $0.ports() }
        CompletionCandidates.remember(report, context.selection)
        try context.output.result(report) { report.page(style: $0) }
    }
}
