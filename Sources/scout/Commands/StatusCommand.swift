import ArgumentParser
import Core
import Diagnostics
import Synchronization

/// `scout status`: one page.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "One page: link, session, forwards, ports, running acquisitions.")
    @Flag(help: "Show it anew every two seconds, until Ctrl-C.") var watch = false
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let context = try CommandContext(global)
        guard watch else {
            let error = try await Self.show(context)
            if let error { throw ExitCode(error.code.exitStatus) }
            return
        }
        let isInterrupted = Atomic(false)
        let interrupts = Interrupts { isInterrupted.store(true, ordering: .releasing) }
        defer { interrupts.stop() }
        while !isInterrupted.load(ordering: .acquiring) {
            _ = try await Self.show(context, clears: context.output.style == .human && !global.json)
            for _ in 0..<20 where !isInterrupted.load(ordering: .acquiring) {
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    private static func show(_ context: CommandContext, clears: Bool = false) async throws -> ScoutError? {
        let (report, error) = await StatusReport.take(
            context.subject, context.paths, asking: context.scout)
        if clears {
            try context.output.console.paint(report.page(style: context.output.style))
        } else {
            try context.output.result(report) { report.page(style: $0) }
        }
        if let hint = error?.hint { context.output.remark("hint: \(hint)") }
        return error
    }
}
