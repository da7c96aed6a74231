import ArgumentParser
import Core
import FoundationEssentials
import Glibc

/// The end of a command that did not do what it was asked for.
enum Failure {
    /// Says what went wrong, on stderr or with `--json` on stdout, and ends the process with the contract's status.
    ///
    /// - Parameters:
    ///   - error: what was thrown; help and version requests are errors of the parser too, with status 0.
    ///   - words: the command line, to see whether it asked for JSON.
    static func exit(with error: any Error, words: [String]) -> Never {
        let json = words.prefix { $0 != "--" }.contains("--json")
        if let known = error as? ScoutError { leave(known, json: json) }
        if error is CancellationError { leave(ScoutError(.interrupted, "interrupted"), json: json) }
        let status = Scout.exitCode(for: error)
        if error is ExitCode { Glibc.exit(status.rawValue) }
        if status == .validationFailure, json {
            leave(ScoutError(.usage, Scout.message(for: error), hint: "scout --help"), json: true)
        }
        if status == .failure { leave(ScoutError(.failed, "\(error)"), json: json) }
        let text = Scout.fullMessage(for: error)
        if !text.isEmpty { Output.write(text + "\n", to: status == .success ? STDOUT_FILENO : STDERR_FILENO) }
        Glibc.exit(status.rawValue)
    }

    private static func leave(_ error: ScoutError, json: Bool) -> Never {
        if json, let data = try? JSON.encode(error) {
            Output.write(String(decoding: data, as: UTF8.self) + "\n", to: STDOUT_FILENO)
        } else {
            Output.write("scout: \(error.message)\n", to: STDERR_FILENO)
            if let hint = error.hint { Output.write("hint: \(hint)\n", to: STDERR_FILENO) }
        }
        Glibc.exit(error.code.exitStatus)
    }
}
