import Subprocess
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

    /// Runs it to its end.
    public func run(_ arguments: [String], input: String = "") async throws -> Outcome {
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
