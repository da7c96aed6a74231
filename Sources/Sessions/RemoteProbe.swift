public import Core
import FoundationEssentials
import Glibc
import Platform
import SSH

extension RemoteContainer {
    /// What came of waiting for an answer.
    private enum Heard: Sendable {
        case object([UInt8], noise: ArraySlice<UInt8>)
        case fault(ScoutError)
        /// The command, or the shell before it, has ended with this.
        case end(output: [UInt8], begun: Bool)
        case silence
    }

    /// Has the container listen on ports that nobody holds, for as long as the body runs.
    ///
    /// - Parameters:
    ///   - ports: which ports.
    ///   - nonce: what each caller reads there; see ``ProbeReport/greeting(nonce:port:)``.
    ///   - body: gets what the container found.
    /// - Throws: `ScoutError`: `unreachable` where it does not answer within 10 s, and what the body throws.
    public func withProbe<Result: Sendable>(
        _ ports: [UInt16], nonce: String, _ body: @Sendable (ProbeReport) async throws -> Result
    ) async throws -> Result {
        let command = try Self.command(["probe", "--nonce", nonce] + ports.map(String.init))
        let input = try Pipe()
        let output = try Pipe()
        let silent = open("/dev/null", O_WRONLY | O_CLOEXEC)
        defer { close(silent) }
        let channel: ExecChannel
        do { channel = try await session.start(command.line, terminal: nil) } catch {
            throw ScoutError(error, session: session)
        }
        // Its end closes the pipe, so that a command that fails is not waited for.
        let end = Task {
            defer { output.closeWriteEnd() }
            return try? await channel.attach(stdin: input.readEnd, stdout: output.writeEnd, stderr: silent)
        }
        func finish() async {
            input.closeWriteEnd()
            await channel.close()
            _ = await end.value
        }
        do {
            let answer = await blocking { Self.answer(to: command, on: output, within: .seconds(10)) }
            let found = try JSON.decode(ProbeReport.self, from: Data(try report(answer)), by: "the container")
            try RemoteChecks.probe(found, of: ports)
            let result = try await body(found)
            await finish()
            return result
        } catch {
            await finish()
            throw error
        }
    }

    private func report(_ heard: Heard) throws(ScoutError) -> [UInt8] {
        switch heard {
        case .object(let object, let noise):
            tell(noise)
            return object
        case .fault(let error): throw error
        case .end(let output, begun: false): throw shellEnded(nil, output, [])
        case .end(let output, begun: true): throw output.isEmpty ? Self.missing(on: host) : Self.unfinished
        case .silence:
            throw ScoutError(.unreachable, "the container at \(host) did not begin to listen within 10 s")
        }
    }

    /// Reads until there is an object behind the line that marks the answer's beginning.
    private static func answer(to command: RemoteCommand, on output: Pipe, within deadline: Duration) -> Heard {
        let end = ContinuousClock.now + deadline
        var (bytes, answer): ([UInt8], [UInt8]) = ([], [])
        var noise: ArraySlice<UInt8>?
        var bounds = AnswerBounds()
        while bytes.count < AnswerBounds.bytes {
            guard let piece = output.read(until: end) else { return .silence }
            if piece.isEmpty { return .end(output: noise == nil ? bytes : answer, begun: noise != nil) }
            bytes += piece
            if noise != nil {
                answer += piece
            } else if let (before, start) = command.beginning(in: bytes, from: bytes.count - piece.count) {
                noise = before
                answer = Array(bytes[start...])
            }
            guard let noise else { continue }
            do throws(ScoutError) { try bounds.scan(answer) } catch { return .fault(error) }
            if let object = bounds.object { return .object(Array(answer[object]), noise: noise) }
        }
        return .fault(ScoutError(.protocolViolation, "the container's answer is longer than \(bytes.count) bytes"))
    }
}

/// A pipe between a channel and this process.
private final class Pipe: Sendable {
    let readEnd: CInt
    let writeEnd: CInt
    private let isClosed = Latch()

    init() throws(ScoutError) {
        let ends = try ScoutError.wrap(PipeEnds())
        readEnd = ends.read
        writeEnd = ends.write
    }

    deinit {
        closeWriteEnd()
        close(readEnd)
    }

    func closeWriteEnd() {
        if isClosed.close() { close(writeEnd) }
    }

    /// Reads what is there; empty at the end of the pipe. `nil` after the deadline.
    func read(until end: ContinuousClock.Instant) -> [UInt8]? {
        var piece = [UInt8](repeating: 0, count: 65536)
        while true {
            var ready = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
            let left = end - .now
            // Asked also when the time is over: what came while this process was stopped has come in time.
            guard poll(&ready, 1, left.pollTimeout) > 0 else {
                if left <= .zero { return nil }
                continue
            }
            let count = Glibc.read(readEnd, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            return Array(piece[..<max(count, 0)])
        }
    }
}
