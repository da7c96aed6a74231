import Core
import Diagnostics
import Sessions
import Toolkit

/// What a command works with: the scout that it is about, and where its words go.
@dynamicMemberLookup
struct CommandContext: Sendable {
    /// The scout, its network, and this user's files.
    let selection: ScoutSelection
    /// How results and remarks are written.
    let output: Output

    /// - Throws: `ScoutError` (`usage`, `badData`) where the options, the environment and the configuration don't go together.
    init(_ options: GlobalOptions) throws(ScoutError) {
        selection = try ScoutSelection(options.choices)
        output = Output(options)
    }

    /// - Parameters:
    ///   - selection: made already.
    ///   - options: how to write.
    init(_ selection: ScoutSelection, _ options: GlobalOptions) {
        self.selection = selection
        output = Output(options)
    }

    subscript<Value>(dynamicMember path: KeyPath<ScoutSelection, Value>) -> Value {
        selection[keyPath: path]
    }

    /// This machine, as the container.
    var localContainer: LocalContainer {
        LocalContainer(topology: selection.topology, paths: selection.paths, version: Version.text)
    }
}

extension CommandContext: ContainerOpener {
    func withContainer<Result: Sendable>(
        _ body: @Sendable (any Container) async throws -> Result
    ) async throws -> Result {
        try await selection.withContainer(here: localContainer, remark: { output.remark($0) }, body)
    }
}
