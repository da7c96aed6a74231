import ArgumentParser
import Core
import FoundationEssentials
import Glibc

extension Interrupts {
    /// As the command line wants it: what stays is said where every error is.
    ///
    /// - Parameters:
    ///   - outstanding: what an end that takes too long must say.
    ///   - handler: called once, on a thread of its own.
    convenience init(_ outstanding: Outstanding = Outstanding(), _ handler: @escaping @Sendable () -> Void) {
        let failure = Failure(Array(CommandLine.arguments.dropFirst()))
        self.init(outstanding, end: { failure.exit(with: $0) }, handler)
    }
}

/// The end of a command that did not do what it was asked for.
struct Failure: Sendable {
    /// Where it is said.
    let console: Console
    /// Whether the command line asked for JSON.
    let json: Bool

    /// - Parameters:
    ///   - arguments: the command line without the program's name.
    ///   - console: where it is said; the current one by default.
    init(_ arguments: [String], console: Console = .current) {
        json = arguments.prefix { $0 != "--" }.contains("--json")
        self.console = console
    }

    /// Says what went wrong, on stderr or with `--json` on stdout, and ends the process with the contract's status.
    ///
    /// - Parameter error: what was thrown; help and version requests are errors of the parser too, with status 0.
    func exit(with error: any Error) -> Never { Glibc.exit(tell(error)) }

    /// Ends a process whose result is printed, with its status if all of the result has arrived.
    func leave(_ status: Int32) -> Never { Glibc.exit(finish(status)) }

    /// Says what went wrong.
    ///
    /// - Returns: the status to exit with.
    func tell(_ error: any Error) -> Int32 {
        if let known = ScoutError.known(error) { return tell(known) }
        if error is CancellationError { return tell(ScoutError(.interrupted, "interrupted")) }
        let status = Scout.exitCode(for: error)
        if error is ExitCode { return finish(status.rawValue) }
        if status == .validationFailure, json {
            return tell(ScoutError(.usage, Scout.message(for: error), hint: "scout --help"))
        }
        if status == .failure { return tell(ScoutError(.failed, "\(error)")) }
        let text = Scout.fullMessage(for: error)
        guard status == .success, !text.isEmpty else {
            if !text.isEmpty { console.complain(text) }
            return status.rawValue
        }
        do throws(ScoutError) { try console.printHelp(text) } catch { return tell(error) }
        return finish(status.rawValue)
    }

    private func finish(_ status: Int32) -> Int32 {
        do throws(ScoutError) { try console.finish() } catch { return tell(error) }
        return status
    }

    /// A second JSON object would make the first one worthless: then, and where stdout is gone, it is said on stderr.
    private func tell(_ error: ScoutError) -> Int32 {
        if json, !console.hasPrinted, let data = try? JSON.encode(error) {
            do throws(ScoutError) {
                try console.printJSON(String(decoding: data, as: UTF8.self))
                try console.finish()
                return error.code.exitStatus
            } catch let loss {
                console.talk("scout: \(loss.message)")
            }
        }
        console.complain(error)
        return error.code.exitStatus
    }
}
