import Core
import Subprocess

/// The host's own programs, looked for where administrators' programs lie, in an environment of ours.
struct HostTools: Sendable {
    /// What it left.
    struct Answer: Sendable {
        let status: Int
        let output: [UInt8]
        let errors: String

        /// Its last words, for a message.
        var complaint: String { errors.split(separator: "\n").last.map(String.init) ?? "status \(status)" }
    }

    /// Where they are, directories separated by colons.
    var path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    private var environment: [Environment.Key: String] { ["PATH": path, "LC_ALL": "C", "HOME": "/"] }

    /// Runs a program to its end, or kills it.
    ///
    /// - Parameters:
    ///   - name: the program's.
    ///   - arguments: its words.
    ///   - input: what it reads on stdin.
    ///   - deadline: how long it may take.
    /// - Returns: `nil` where there is no such program.
    /// - Throws: `ScoutError`: `failed` where it can't be run or takes longer, `interrupted`.
    func run(
        _ name: String, _ arguments: [String] = [], input: String = "", deadline: Duration = .seconds(10)
    ) async throws(ScoutError) -> Answer? {
        let environment = environment
        do {
            return try await withThrowingTaskGroup(of: Answer?.self) { group in
                group.addTask {
                    let result = try await Subprocess.run(
                        .name(name), arguments: Arguments(arguments), environment: .custom(environment),
                        input: .string(input), output: .bytes(limit: 32 << 20), error: .string(limit: 1 << 20))
                    let status =
                        switch result.terminationStatus {
                        case .exited(let code): Int(code)
                        case .signaled(let number): 128 + Int(number)
                        }
                    return Answer(status: status, output: result.standardOutput, errors: result.standardError)
                }
                group.addTask {
                    try await Task.sleep(for: deadline)
                    throw ScoutError(.failed, "\(name) took longer than \(deadline.components.seconds) s")
                }
                defer { group.cancelAll() }
                return try await group.next() ?? nil
            }
        } catch let error as ScoutError {
            throw error
        } catch let error as SubprocessError where error.code == .executableNotFound {
            return nil
        } catch is CancellationError {
            throw ScoutError(.interrupted, "interrupted")
        } catch {
            throw ScoutError(.failed, "\(name) can't be run: \(error)")
        }
    }
}
