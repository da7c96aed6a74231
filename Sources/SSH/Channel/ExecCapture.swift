/// What a command said, and how it ended.
public struct CapturedOutput: Hashable, Sendable {
    /// How it ended.
    public let status: ExitStatus
    /// All it wrote to its standard output.
    public let stdout: [UInt8]
    /// The end of what it wrote to its standard error, up to the limit.
    public let stderr: [UInt8]
}

/// Keeps what a command says, within limits. It stays in its ``Session``.
struct ExecCapture {
    static let operation = "running a command"

    let channel: ChannelState
    /// When the command's time is over, on the clock of ``EventLoop/awake()``.
    let end: Duration
    let deadline: Duration
    let silence: Duration?
    let stdoutLimit: Int
    let stderrLimit: Int

    /// - Parameter stdin: all of the command's input.
    /// - Throws: `SSHError`; `CancellationError`. The command may still be running then.
    nonisolated(nonsending) func run(stdin: [UInt8]) async throws -> CapturedOutput {
        let loop = channel.loop
        var input = PendingInput(stdin)
        var (stdout, stderr): ([UInt8], [UInt8]) = ([], [])
        var quietEnd = silence.map { loop.awake() + $0 }
        while !channel.isFree {
            let mark = channel.events.news
            if let more = channel.takeAll(errorOutput: false) {
                stdout += more
                quietEnd = silence.map { loop.awake() + $0 }
            }
            if let more = channel.takeAll(errorOutput: true) { stderr = (stderr + more).suffix(stderrLimit) }
            guard stdout.count <= stdoutLimit else {
                throw SSHError(.tooMuchOutput, Self.operation, "it wrote more than \(stdoutLimit) bytes")
            }
            if channel.isClosed, channel.backlog == 0 {
                return CapturedOutput(status: channel.status, stdout: stdout, stderr: stderr)
            }
            let now = loop.awake()
            if let silence, let quietEnd, quietEnd <= now {
                throw SSHError(
                    .deadline, Self.operation, "it has said nothing for \(SSHError.seconds(silence)) s", output: stdout)
            }
            guard end > now else {
                throw SSHError(
                    .deadline, Self.operation, "it did not end within \(SSHError.seconds(deadline)) s", output: stdout)
            }
            let left = min(end, quietEnd ?? end) - now
            try channel.push(&input, isLast: true)
            do {
                try await loop.wait(for: channel.events, after: mark, until: .now + left)
            } catch {
                throw loop.connection.over(Self.operation) ?? error
            }
        }
        throw channel.over(Self.operation)
    }
}

extension Session {
    /// How long a command may take to obey SIGTERM before it gets SIGKILL.
    private static var grace: Duration { .seconds(1) }

    /// Runs a command and keeps what it says; for programs, not for people.
    ///
    /// - Parameters:
    ///   - command: a line for the account's shell.
    ///   - stdin: all of its input.
    ///   - stdoutLimit: how many bytes it may say; 16 MiB by default.
    ///   - stderrLimit: how many bytes of the end of its standard error are kept; 64 KiB by default.
    ///   - deadline: how long it may take, in time in which this side was awake. Then it gets SIGTERM, a second later SIGKILL.
    ///   - silence: how long it may write nothing to its standard output, in such time; `nil` is as long as it may take.
    /// - Returns: the status and the output. A command that failed is a result, not an error.
    /// - Throws: `SSHError`: `deadline`, `tooMuchOutput`, `linkLost`; `CancellationError`, which ends the command too.
    public func run(
        _ command: String, stdin: [UInt8] = [], stdoutLimit: Int = 16 << 20, stderrLimit: Int = 64 << 10,
        deadline: Duration, silence: Duration? = nil
    ) async throws -> CapturedOutput {
        let end = loop.awake() + deadline
        let started = try await start(command, deadline: deadline)
        let channel = try channel(started.identifier, ExecCapture.operation)
        defer { closeChannel(started.identifier) }
        do {
            let capture = ExecCapture(
                channel: channel, end: end, deadline: deadline, silence: silence, stdoutLimit: stdoutLimit,
                stderrLimit: stderrLimit)
            return try await capture.run(stdin: stdin)
        } catch {
            // In a task of its own, as the one that was cancelled can't wait.
            await Task { await kill(started.identifier) }.value
            throw error
        }
    }

    /// Ends a command whose output nobody wants any more, and waits for its end, not for long.
    private func kill(_ identifier: Int) async {
        for signal in [RemoteSignal.terminate, .kill] {
            guard let channel = channels[identifier], connection.failure == nil else { return }
            // One that can't be told loses its channel.
            try? channel.send(signal)
            let end = ContinuousClock.now + Self.grace
            while !channel.isFree, !channel.isClosed, ContinuousClock.now < end {
                let mark = channel.events.news
                _ = channel.takeAll(errorOutput: false)
                _ = channel.takeAll(errorOutput: true)
                guard (try? await loop.wait(for: channel.events, after: mark, until: end)) != nil else { return }
            }
        }
    }
}
