import Core
import Platform

/// The host's own programs, looked for where administrators' programs lie, in an environment of ours.
struct HostTools: Sendable {
    /// What one left.
    struct Answer: Sendable {
        /// Its exit status; 128 and the signal's number where a signal ended it.
        let status: Int
        let output: [UInt8]
        let errors: String

        /// Its last words, for a message.
        var complaint: String { errors.split(separator: "\n").last.map(String.init) ?? "status \(status)" }
    }

    /// Where they are, directories separated by colons.
    var path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// How many bytes one may print.
    private static let limit = 32 << 20
    /// How many bytes of what one complains of are kept.
    private static let errorLimit = 1 << 20

    /// Runs a program to its end, or kills it, while the caller's thread does other work.
    ///
    /// - Parameters:
    ///   - name: the program's.
    ///   - arguments: what follows its name.
    ///   - input: what it reads on stdin.
    ///   - deadline: how long it may take.
    /// - Returns: `nil` where there is no such program.
    /// - Throws: `ScoutError`: `failed` where it can't be run, prints too much or takes longer, `interrupted` where the task
    ///   is cancelled.
    func run(
        _ name: String, _ arguments: [String] = [], input: String = "", deadline: Duration = .seconds(10)
    ) async throws(ScoutError) -> Answer? {
        let stop = try ScoutError.wrap(WakeEvent())
        let result: Result<Answer?, ScoutError> = await withTaskCancellationHandler {
            do {
                return .success(
                    try await Thread.run {
                        try runBlocking(name, arguments, input: input, deadline: deadline, stop: stop)
                    })
            } catch {
                return .failure(ScoutError.known(error) ?? ScoutError(.failed, "\(name) can't be run: \(error)"))
            }
        } onCancel: {
            stop.signal()
        }
        if Task.isCancelled { throw ScoutError(.interrupted, "interrupted") }
        return try result.get()
    }

    /// As ``run(_:_:input:deadline:)``; blocks the calling thread.
    ///
    /// - Parameter stop: ends the program early; nothing by default.
    func runBlocking(
        _ name: String, _ arguments: [String] = [], input: String = "", deadline: Duration = .seconds(10),
        stop: WakeEvent? = nil
    ) throws(ScoutError) -> Answer? {
        guard let file = ChildProcess.find(name, path: path) else { return nil }
        let child = ChildProcess(
            file, [name] + arguments, environment: ["PATH": path, "LC_ALL": "C", "HOME": "/"])
        let found: ChildProcess.Output
        do throws(SystemError) {
            found = try child.output(
                within: deadline, limit: Self.limit, input: Array(input.utf8), errorLimit: Self.errorLimit,
                stop: stop?.descriptor ?? -1)
        } catch {
            throw ScoutError(.failed, "\(name) can't be run: \(error)")
        }
        if found.isTooLong { throw ScoutError(.failed, "\(name) prints more than \(Self.limit >> 20) MiB") }
        guard let status = found.status else {
            throw ScoutError(.failed, "\(name) took longer than \(deadline.components.seconds) s")
        }
        return Answer(
            status: Int(status.shellCode), output: found.bytes, errors: String(decoding: found.errors, as: UTF8.self))
    }
}
