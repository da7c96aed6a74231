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
        let invocation = try Invocation(global)
        guard watch else {
            let error = try await Self.show(invocation)
            if let error { throw ExitCode(error.code.exitStatus) }
            return
        }
        let isInterrupted = Atomic(false)
        let interrupts = Interrupts { isInterrupted.store(true, ordering: .releasing) }
        defer { interrupts.stop() }
        while !isInterrupted.load(ordering: .acquiring) {
            _ = try await Self.show(invocation, clears: invocation.output.isForPeople && !global.json)
            for _ in 0..<20 where !isInterrupted.load(ordering: .acquiring) {
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    private static func show(_ invocation: Invocation, clears: Bool = false) async throws -> ScoutError? {
        let (report, error) = await StatusReport.take(
            invocation.subject, invocation.paths, asking: invocation.scout)
        let forPeople = invocation.output.isForPeople
        if clears {
            try Output.paintResult(report.page(forPeople: forPeople))
        } else {
            try invocation.output.result(report) { report.page(forPeople: forPeople) }
        }
        if let hint = error?.hint { invocation.output.remark("hint: \(hint)") }
        return error
    }
}
