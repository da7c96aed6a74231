import CLibSSH

/// What a command said, and how it ended.
public struct CapturedOutput: Hashable, Sendable {
    /// How it ended.
    public let status: ExitStatus
    /// All it wrote to its standard output.
    public let stdout: [UInt8]
    /// The end of what it wrote to its standard error, up to the limit.
    public let stderr: [UInt8]
}

/// Bytes on their way into a command, and the end of file after them.
struct PendingInput {
    private let bytes: [UInt8]
    fileprivate var sent = 0
    fileprivate var endWasSent = false

    init(_ bytes: [UInt8] = []) { self.bytes = bytes }

    var isEmpty: Bool { sent == bytes.count }

    fileprivate func withRest<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[sent...])) }
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
        let operation = "running a command"
        let end = awake() + deadline
        let started = try await start(command, deadline: deadline)
        let identifier = started.identifier
        defer { closeChannel(identifier) }

        var input = PendingInput(stdin)
        var (stdout, stderr): ([UInt8], [UInt8]) = ([], [])
        var quietEnd = silence.map { awake() + $0 }
        while let channel = channels[identifier] {
            let mark = progress
            if let more = channel.takeAll(errorOutput: false) {
                stdout += more
                quietEnd = silence.map { awake() + $0 }
            }
            if let more = channel.takeAll(errorOutput: true) { stderr = (stderr + more).suffix(stderrLimit) }
            guard stdout.count <= stdoutLimit else {
                await kill(identifier)
                throw SSHError(.tooMuchOutput, operation, "it wrote more than \(stdoutLimit) bytes")
            }
            if channel.isClosed, channel.backlog == 0 {
                return CapturedOutput(status: channel.status, stdout: stdout, stderr: stderr)
            }
            let now = awake()
            if let silence, let quietEnd, quietEnd <= now {
                await kill(identifier)
                throw SSHError(
                    .deadline, operation, "it has said nothing for \(SSHError.seconds(silence)) s", output: stdout)
            }
            guard end > now else {
                await kill(identifier)
                throw SSHError(
                    .deadline, operation, "it did not end within \(SSHError.seconds(deadline)) s", output: stdout)
            }
            let left = min(end, quietEnd ?? end) - now
            if !channel.isClosed { try push(&input, channel, isLast: true) }
            do {
                try await wait(after: mark, until: .now + left)
            } catch {
                if error is CancellationError { await kill(identifier) }
                throw over(operation) ?? error
            }
        }
        throw over(operation) ?? SSHError(.closed, operation, "the channel was closed on this side")
    }

    /// Ends a command whose output nobody wants any more, and waits for its end, not for long.
    private func kill(_ identifier: Int) async {
        // In a task of its own, as the one that was cancelled can't wait.
        await Task {
            for signal in [RemoteSignal.terminate, .kill] {
                try? send(signal, to: identifier)
                let end = ContinuousClock.now + Self.grace
                while let channel = channels[identifier], !channel.isClosed, ContinuousClock.now < end {
                    let mark = progress
                    _ = channel.takeAll(errorOutput: false)
                    _ = channel.takeAll(errorOutput: true)
                    guard (try? await wait(after: mark, until: end)) != nil else { return }
                }
            }
        }.value
    }

    /// How many bytes may go to the command now; `nil` where none.
    ///
    /// libssh would take a whole window and keep what the connection doesn't take; so it gets more only when all has gone.
    func room(_ channel: Channel) throws(SSHError) -> Int? {
        let handle = try live("writing to the command")
        guard ssh_get_status(handle) & SSH_WRITE_PENDING == 0 else { return nil }
        let size = Int(ssh_channel_window_size(channel.handle))
        return size > 0 ? size : nil
    }

    /// Sends what there is room for, and after the last byte the end of file.
    ///
    /// The C functions are `ssh_channel_write` and `ssh_channel_send_eof`.
    func push(_ input: inout PendingInput, _ channel: Channel, isLast: Bool) throws(SSHError) {
        let handle = try live("writing to the command")
        let received = counter.pointee.in_bytes
        if !input.isEmpty, let room = try room(channel) {
            let count = input.withRest {
                ssh_channel_write(channel.handle, $0.baseAddress, UInt32(min($0.count, room)))
            }
            guard count >= 0 else {
                // Writing handles packets too, and may be the call that learns of the command's end.
                if channel.isClosed { return }
                throw error("writing to the command", handle, receivedBefore: received)
            }
            input.sent += Int(count)
        }
        if isLast, input.isEmpty, !input.endWasSent {
            input.endWasSent = true
            // "Again" only says that it has not left this machine yet.
            if ssh_channel_send_eof(channel.handle) == SSH_ERROR, !channel.isClosed {
                throw error("end of input", handle, receivedBefore: received)
            }
        }
    }
}
