import ArgumentParser
import Core

/// `scout evidence`: the devices that the owner mapped.
struct EvidenceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evidence",
        abstract: "List evidence and storage devices: size, partitions, who exports them.")
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let context = try CommandContext(global)
        if case .local = context.location { ReaderWatch.start { Console.current.complain($0) } }
        let report = try await context.withContainer { try await $0.evidence() }
        CompletionCandidates.remember(report, context.selection)
        try context.output.result(report) { report.page(style: $0) }
        if report.devices.isEmpty { context.output.remark("no devices: ask the owner to map a disk") }
    }
}
