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
        if let known = ScoutError.known(error) { leave(known, json: json) }
        if error is CancellationError { leave(ScoutError(.interrupted, "interrupted"), json: json) }
        let status = Scout.exitCode(for: error)
        if error is ExitCode { leave(status.rawValue, json: json) }
        if status == .validationFailure, json {
            leave(ScoutError(.usage, Scout.message(for: error), hint: "scout --help"), json: true)
        }
        if status == .failure { leave(ScoutError(.failed, "\(error)"), json: json) }
        let text = Scout.fullMessage(for: error)
        guard status == .success, !text.isEmpty else {
            if !text.isEmpty { Output.complain(text) }
            Glibc.exit(status.rawValue)
        }
        do throws(ScoutError) { try Output.printHelp(text) } catch { leave(error, json: json) }
        leave(status.rawValue, json: json)
    }

    /// Ends a process whose result is printed, with its status if all of the result has arrived.
    static func leave(_ status: Int32, json: Bool) -> Never {
        do throws(ScoutError) { try Output.finish() } catch { leave(error, json: json) }
        Glibc.exit(status)
    }

    /// A second JSON object would make the first one worthless: then, and where stdout is gone, it is said on stderr.
    private static func leave(_ error: ScoutError, json: Bool) -> Never {
        if json, !Output.hasPrinted, let data = try? JSON.encode(error) {
            do throws(ScoutError) {
                try Output.printJSON(String(decoding: data, as: UTF8.self))
                try Output.finish()
                Glibc.exit(error.code.exitStatus)
            } catch let loss {
                Output.talk("scout: \(loss.message)")
            }
        }
        Output.talk("scout: \(error.message)")
        if let hint = error.hint { Output.talk("hint: \(hint)") }
        Glibc.exit(error.code.exitStatus)
    }
}
