import Subprocess
import Synchronization
import SystemPackage

/// What a finished command left.
public struct Outcome: Sendable {
    /// Its exit status; 128 and the signal's number where a signal ended it.
    public let status: Int32
    /// What it printed.
    public let output: String
    /// What it said on stderr.
    public let errors: String
}

/// Runs programs as a user would.
public struct Command: Sendable {
    /// The program's path.
    public var executable: String
    /// The environment; nothing else is inherited.
    public var environment: [String: String]

    /// - Parameters:
    ///   - executable: the program's path, or a name looked up in `PATH`.
    ///   - environment: all that it sees.
    public init(_ executable: String, environment: [String: String]) {
        self.executable = executable
        self.environment = environment
    }

    /// Runs it to its end.
    ///
    /// - Parameters:
    ///   - arguments: its words.
    ///   - input: what it reads on stdin.
    public func callAsFunction(_ arguments: String..., input: String = "") async throws -> Outcome {
        try await run(arguments, input: input)
    }

    /// Runs it to its end, which is when it has ended and nobody holds its output any more.
    ///
    /// - Throws: `CommandError` after four minutes: what hangs fails its test, and not the run of all of them.
    public func run(_ arguments: [String], input: String = "") async throws -> Outcome {
        let work = Task { try await outcome(arguments, input: input) }
        let line = ([executable] + arguments).joined(separator: " ")
        let end = End()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let limit = Task {
                    try await Task.sleep(for: .seconds(240))
                    if end.isFirst { continuation.resume(throwing: CommandError(line: line)) }
                    work.cancel()
                }
                Task {
                    let result = await work.result
                    limit.cancel()
                    if end.isFirst { continuation.resume(with: result) }
                }
            }
        } onCancel: {
            work.cancel()
        }
    }

    private func outcome(_ arguments: [String], input: String) async throws -> Outcome {
        let keyed = Dictionary(
            uniqueKeysWithValues: environment.map { (Environment.Key(stringLiteral: $0.key), $0.value) })
        let program: Executable = executable.contains("/") ? .path(FilePath(executable)) : .name(executable)
        let result = try await Subprocess.run(
            program, arguments: Arguments(arguments), environment: .custom(keyed), input: .string(input),
            output: .string(limit: 64 << 20), error: .string(limit: 64 << 20))
        let status: Int32 =
            switch result.terminationStatus {
            case .exited(let code): Int32(code)
            case .signaled(let number): 128 + Int32(number)
            }
        return Outcome(
            status: status, output: result.standardOutput, errors: result.standardError)
    }
}

/// A command that had not ended after four minutes, or whose output somebody still held.
public struct CommandError: Error, CustomStringConvertible {
    let line: String
    /// The command, and what is wrong with it.
    public var description: String { "no end after 240 s: \(line)" }
}

/// Of the answer and the end of patience, whichever comes first.
private final class End: Sendable {
    private let hasCome = Atomic(false)
    var isFirst: Bool { !hasCome.exchange(true, ordering: .acquiringAndReleasing) }
}
