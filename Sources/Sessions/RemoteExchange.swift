import Core
import Glibc
import Platform
import SSH

extension ContainerRequest {
    /// How long the answer may take. A serve tries the export first; the agent answers at once, or its client gives up; a
    /// hash reads a whole disk.
    fileprivate var deadline: Duration {
        switch self {
        case .version, .probe: .seconds(10)
        case .evidence, .ports, .release: .seconds(15)
        case .serve: .seconds(18)
        case .forwards: .seconds(8)
        case .hash: .seconds(30 * 86400)
        }
    }
}

/// One request to the toolkit over a session, and its answer.
extension RemoteContainer {
    /// The channel of a request, with what is connected to it.
    private struct Line: Sendable {
        let command: RemoteCommand
        let (input, output, errors, stop): (ExchangePipe, ExchangePipe, ExchangePipe, ExchangePipe)
        let channel: Channel
        /// How the command ended; closes the pipes, so that who listens learns of it.
        let end: Task<Result<ExitStatus, any Error>, Never>

        init(_ request: ContainerRequest, _ session: Session) async throws {
            // The hidden verb. Its last word is for process lists only.
            let words = ["scout", "container", "answer", "--target", "local", request.verb.rawValue]
            command = try RemoteCommand(words).framed()
            let (output, errors) = (try ExchangePipe(), try ExchangePipe())
            let (input, stop) = (try ExchangePipe(), try ExchangePipe())
            let channel = try await session.start(command.line, terminal: nil)
            (self.input, self.output, self.errors, self.stop, self.channel) = (input, output, errors, stop, channel)
            end = Task {
                defer {
                    output.closeWriteEnd()
                    errors.closeWriteEnd()
                }
                do {
                    return .success(
                        try await channel.attach(
                            stdin: input.readEnd, stdout: output.writeEnd, stderr: errors.writeEnd))
                } catch {
                    return .failure(error)
                }
            }
        }

        func finish() async {
            input.closeWriteEnd()
            await channel.close()
            _ = await end.value
        }
    }

    /// Sends a request, and lends its answer.
    ///
    /// - Parameters:
    ///   - request: what is asked for.
    ///   - silence: how long the far end may say nothing; it is asked for a sign of life four times as often.
    ///   - holds: whether the container is to go on until the body has ended; its standard input ends only then.
    ///   - body: gets the answer, and what the account's shell printed around it.
    /// - Throws: `ScoutError`: the container's own; `unreachable` for a lost link, a container that does not answer in time, one
    ///   without a toolkit; `protocolViolation` where the answer is none; `interrupted` when the task is cancelled. And what the
    ///   body throws.
    func exchange<Answer: Report, Result: Sendable>(
        _ request: ContainerRequest, silence: Duration? = nil, holds: Bool = false,
        _ body: @Sendable (Answer, String?) async throws -> Result
    ) async throws -> Result {
        let alive = silence.map { Int(max($0.components.seconds / 4, 1)) }
        let message = try RequestMessage(request, aliveSeconds: alive).encoded()
        let line: Line
        do { line = try await Line(request, session) } catch { throw ScoutError(error, session: session) }
        // An empty pipe takes all of it.
        guard message.withUnsafeBytes({ File.writeAll($0, to: line.input.writeEnd) }) else {
            await line.finish()
            throw ScoutError(.io, "the request can't be sent")
        }
        if !holds { line.input.closeWriteEnd() }
        var listener = AnswerListener<Answer>(
            command: line.command, output: line.output, errors: line.errors, stop: line.stop)
        let reader = AnswerReader<Answer>(to: request, reservedPorts: reservedPorts)
        let patience = AnswerListener<Answer>.Patience(whole: request.deadline, silence: silence)
        let (listened, heard) = await withTaskCancellationHandler { [listener] in
            await Thread.blocking {
                var listener = listener
                let heard = listener.listen(reader, patience)
                if case .answer = heard, !holds { _ = listener.drain() }
                return (listener, heard)
            }
        } onCancel: {
            line.stop.closeWriteEnd()
        }
        listener = listened
        guard case .answer(let answer, let before) = heard else {
            let error = await error(heard, listener, line)
            await line.finish()
            throw error
        }
        let noise = Self.lastLine(before) ?? Self.lastLine(listener.stray)
        if let noise { tell(noise) }
        do {
            let result = try await body(answer, noise)
            await line.finish()
            return result
        } catch {
            await line.finish()
            throw error
        }
    }

    /// Why there is no answer. Ends the command where it may still be at work.
    private func error<Answer>(
        _ heard: AnswerListener<Answer>.Heard, _ listener: AnswerListener<Answer>, _ line: Line
    ) async -> ScoutError {
        switch heard {
        case .answer: return ScoutError(.failed, "there is an answer")
        case .failure(let error):
            await kill(line)
            return error
        case .cancelled:
            await kill(line)
            return ScoutError(.interrupted, "interrupted")
        case .silence(let duration):
            await kill(line)
            return ScoutError(
                .unreachable, "scout in the container at \(host) has said nothing for \(duration.components.seconds) s",
                hint: "try again; if it stays so, the machine there is stuck")
        // What could look for the command would wait for the same shell, and there is nothing to be found.
        case .shellWaits:
            return ScoutError(
                .unreachable, "the login shell in the container at \(host) has not come to the command",
                hint: RemoteCommand.shellRemedy)
        case .shellFlood:
            return ScoutError(
                .protocolViolation,
                "the login shell in the container at \(host) prints more than \(AnswerBounds.bytes) bytes before a command",
                hint: RemoteCommand.shellRemedy)
        case .shellEnd, .end: break
        }
        switch await line.end.value {
        case .failure(let error): return ScoutError(error, session: session)
        case .success(let status):
            if case .end(let isTruncated) = heard { return ended(status, isTruncated, listener.errorText) }
            return shellEnded(status, listener.stray, listener.errorText)
        }
    }

    /// The channel is closed next, but a command that neither reads nor writes doesn't notice.
    private func kill(_ line: Line) async {
        if await session.isOpen { await line.command.signal(.kill, over: session) }
    }

    /// The command has ended without an answer.
    private func ended(_ status: ExitStatus, _ isTruncated: Bool, _ errorText: [UInt8]) -> ScoutError {
        if isTruncated { return ScoutError(.protocolViolation, "the answer of the container ends in its middle") }
        switch status {
        case .exited(127): return missing
        // So a command line ends that the parser there doesn't know.
        case .exited(ScoutError.Code.usage.exitStatus):
            return ScoutError(
                .protocolViolation,
                "the scout in the container at \(host) is an older version: it can't be asked by this one",
                hint: "use the same version of scout on both sides: \(copying)")
        default:
            return ScoutError(
                .protocolViolation,
                "scout in the container at \(host) ended without an answer, with status \(status.code): "
                    + (Self.lastLine(errorText) ?? "no word"),
                hint: "scout doctor")
        }
    }

    /// The shell has never come to the command.
    private func shellEnded(_ status: ExitStatus, _ output: [UInt8], _ errorText: [UInt8]) -> ScoutError {
        let text = Self.lastLine(errorText) ?? Self.lastLine(output)
        return ScoutError(
            .protocolViolation,
            "the login shell in the container at \(host) ends before it runs a command, with status \(status.code)"
                + (text.map { "; it says '\($0)'" } ?? ""),
            hint: RemoteCommand.shellRemedy)
    }

    /// There is no scout in the container.
    private var missing: ScoutError {
        ScoutError(
            .unreachable, "scout is not installed in the container at \(host)",
            hint: "\(copying) && ssh root@\(host) apt-get install -y nbdkit libnbd0 libssh-4")
    }

    /// The command that copies this program there.
    private var copying: String {
        "scp \"$(command -v scout)\" root@\(host.contains(":") ? "[\(host)]" : host):/usr/local/bin/"
    }

    /// The last line that says anything, for a sentence.
    private static func lastLine(_ bytes: [UInt8]) -> String? {
        let lines = String(decoding: bytes.suffix(4096), as: UTF8.self).split(whereSeparator: \.isNewline)
        return lines.last { !$0.allSatisfy(\.isWhitespace) }.map { Visible.field(String($0), limit: 200) }
    }
}
