public import Core
import Glibc
public import SSH

/// A program to run in the container, with its arguments.
public struct RemoteCommand: Sendable {
    /// The program and its arguments, each as it is: the remote shell expands nothing in them.
    public let arguments: [String]
    /// A mark in the command's environment, by which it is found when it is to get a signal.
    let mark: String
    /// What the shell prints before the command begins; `nil` is nothing. See ``framed()``.
    private var heading: String?

    /// The variable that carries the mark.
    static let variable = "SCOUT_COMMAND"

    /// - Parameter arguments: the program and its arguments.
    /// - Throws: `ScoutError` (`usage`) where there is none, or one contains a zero byte.
    public init(_ arguments: [String]) throws(ScoutError) {
        guard !arguments.isEmpty else { throw ScoutError(.usage, "there is no command to run") }
        guard !arguments.contains(where: { $0.utf8.contains(0) }) else {
            throw ScoutError(.usage, "an argument contains a zero byte, which no program can be given")
        }
        self.arguments = arguments
        mark = String(UInt64.random(in: .min ... .max), radix: 36)
    }

    /// The line for the remote shell: POSIX words, after the mark as an assignment.
    ///
    /// After an assignment no word is a keyword, and the shell becomes the program rather than its parent.
    public var line: String {
        (heading.map { "echo \($0); " } ?? "") + "\(Self.variable)=\(mark) "
            + arguments.map(Self.quoted).joined(separator: " ")
    }

    /// A word that a POSIX shell reads back as the text (Shell Command Language, section 2.2).
    public static func quoted(_ word: String) -> String {
        let plain = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+:,./-".utf8)
        if !word.isEmpty, word.utf8.allSatisfy(plain.contains) { return word }
        // On scalars: a quote with an accent behind it is still a quote to the shell.
        var quoted = "'"
        for scalar in word.unicodeScalars {
            if scalar == "'" { quoted += "'\\''" } else { quoted.unicodeScalars.append(scalar) }
        }
        return quoted + "'"
    }

    /// The command behind a line that the shell prints and nobody can foresee, so that what the account's start-up
    /// files print is told from what the command says.
    func framed() -> RemoteCommand {
        var command = self
        command.heading = String(UInt64.random(in: .min ... .max), radix: 36)
        return command
    }

    /// What to do about a login shell that does not run what it is given.
    static let shellRemedy =
        "its start-up files (~/.bashrc, /etc/bash.bashrc, /etc/profile) must neither end it nor wait: the owner can "
        + "mend them at the machine"

    /// Where the output of a framed command begins; `nil` while, or where, its shell has not come to it.
    ///
    /// - Parameters:
    ///   - output: all of the shell's output so far.
    ///   - old: how much of it has been searched before.
    /// - Returns: what was printed before, and the index of the first byte of the command's own.
    func beginning(in output: [UInt8], from old: Int = 0) -> (noise: ArraySlice<UInt8>, start: Int)? {
        guard let line = heading.map({ Array("\($0)\n".utf8) }),
            let found = output[max(old - line.count, 0)...].firstRange(of: line)
        else { return nil }
        return (output[..<found.lowerBound], found.upperBound)
    }

    /// Runs the command and keeps what it says; for programs, not for people.
    ///
    /// - Parameters:
    ///   - session: a session that is logged in.
    ///   - stdin: all of its input.
    ///   - limit: how many bytes it may say.
    ///   - deadline: how long it may take; then it is ended.
    ///   - silence: how long it may write nothing to its standard output; `nil` is as long as it may take.
    /// - Returns: the status and the output. A command that failed is a result, not an error.
    /// - Throws: `ScoutError`: `unreachable` for a lost link, the deadline, the silence or a shell that waits (its hint
    ///   is then ``shellRemedy``), `interrupted` when the task is cancelled.
    public func run(
        over session: Session, stdin: [UInt8] = [], limit: Int = 16 << 20, deadline: Duration, silence: Duration? = nil
    ) async throws(ScoutError) -> CapturedOutput {
        do {
            return try await session.run(line, stdin: stdin, stdoutLimit: limit, deadline: deadline, silence: silence)
        } catch {
            if let error = error as? SSHError, error.kind == .deadline, heading != nil,
                beginning(in: error.output) == nil
            {
                // What could look for the command would wait for the same shell, and there is nothing to be found.
                throw ScoutError(
                    .unreachable, "the login shell in the container at \(session.host) has not come to the command",
                    hint: Self.shellRemedy)
            }
            // The channel is closed, but a command that neither reads nor writes doesn't notice.
            if await session.isOpen { await signal(.kill, over: session) }
            throw ScoutError(error, session: session)
        }
    }

    /// Runs the command and keeps what it prints, but for what the shell printed before, whatever status it ends with.
    ///
    /// - Parameters:
    ///   - session: a session that is logged in.
    ///   - deadline: how long it may take.
    /// - Throws: as ``run(over:stdin:limit:deadline:)``.
    public func output(over session: Session, deadline: Duration) async throws(ScoutError) -> [UInt8] {
        let framed = framed()
        let output = try await framed.run(over: session, deadline: deadline).stdout
        return framed.beginning(in: output).map { Array(output[$0.start...]) } ?? output
    }

    /// Sends a signal to the command and to what it has started.
    ///
    /// SSH has a message for it, but `sshd` before 9.8 ignores it in sessions of root, and the expert is root. So a
    /// second command looks for processes that carry the mark, which needs Linux and a POSIX shell at the other end.
    ///
    /// - Returns: whether that could be done; not whether the command obeyed.
    @discardableResult
    func signal(_ signal: RemoteSignal, over session: Session) async -> Bool {
        let search = """
            for e in /proc/[0-9]*/environ; do \
            if grep -qsz '^\(Self.variable)=\(mark)$' "$e"; then p=${e%/environ}; kill -s \(signal.rawValue) "${p##*/}"; fi; \
            done
            """
        // Also where the command's own task has been cancelled.
        return await Task { (try? await session.run(search, deadline: .seconds(3)))?.status == .exited(0) }.value
    }
}
