public import Core
public import Glibc
import Platform
import Synchronization

/// The container's end of the door: reads one request, has it answered, and writes the frames of the answer.
public struct RequestServer: Sendable {
    private let version: String
    private let input: CInt
    private let output: CInt

    /// How long a request may take to arrive, once the program runs.
    private static let deadline = Duration.seconds(10)
    /// How long a probe may be forgotten.
    private static let longestHold = Duration.seconds(30)

    /// - Parameters:
    ///   - version: of this program.
    ///   - input: where the request comes from; standard input by default.
    ///   - output: where the frames go; standard output by default.
    public init(version: String, input: CInt = STDIN_FILENO, output: CInt = STDOUT_FILENO) {
        self.version = version
        self.input = input
        self.output = output
    }

    /// Answers one request.
    ///
    /// - Parameters:
    ///   - container: makes what answers it; its error is an answer, too.
    ///   - begin: told of the request before it is answered, as some are in vain once nobody reads the answer.
    /// - Returns: the status to exit with: 0 after a report, else the error's own; 74 where the answer can't be written.
    public func run(
        _ container: () throws -> any Container, begin: (ContainerRequest) -> Void = { _ in }
    ) async -> Int32 {
        var verb: ContainerRequest.Verb?
        let frames = FrameWriter(output)
        do {
            let message = try await message()
            verb = message.request.verb
            begin(message.request)
            if let seconds = message.aliveSeconds { try frames.keepAlive(message.request.verb, every: seconds) }
            try await answer(message.request, container(), frames)
            return 0
        } catch {
            let known = ScoutError.known(error) ?? ScoutError(.failed, "\(error)")
            // Where not even that can be written, the status still tells.
            do { try frames.finish(AnswerFrame.error(known, to: verb)) } catch { return error.code.exitStatus }
            return known.code.exitStatus
        }
    }

    private func answer(_ request: ContainerRequest, _ container: any Container, _ frames: FrameWriter) async throws {
        func reply(_ report: some Report) throws {
            try frames.finish(AnswerFrame.report(report, to: request.verb))
        }
        switch request {
        case .version: try reply(try await container.version())
        case .evidence: try reply(try await container.evidence())
        case .serve(let service): try reply(try await container.serve(service))
        case .ports: try reply(try await container.ports())
        case .release(let selection): try reply(try await container.release(selection))
        case .forwards: try reply(try await container.forwards())
        case .hash(let source, let algorithms): try reply(try await container.hash(source, algorithms: algorithms))
        case .probe(let ports, let nonce):
            try await container.withProbe(ports, nonce: nonce) { [self] report in
                try frames.finish(AnswerFrame.report(report, to: request.verb))
                try await Thread.run { waitForTheEnd() }
            }
        }
    }

    // MARK: Standard input

    private func message() async throws -> RequestMessage {
        let bytes = try await Thread.run { try read() }
        return try RequestMessage.decode(bytes, version: version)
    }

    /// One object; what may follow it is left.
    private func read() throws(ScoutError) -> [UInt8] {
        let end = ContinuousClock.now + Self.deadline
        var bytes: [UInt8] = []
        var bounds = AnswerBounds()
        while let piece = piece(until: end), !piece.isEmpty {
            bytes += piece
            try bounds.scan(bytes)
            if let object = bounds.object { return Array(bytes[object]) }
            guard bytes.count <= RequestMessage.limit else {
                throw ScoutError(.protocolViolation, "the request is longer than \(RequestMessage.limit) bytes")
            }
        }
        throw ScoutError(.protocolViolation, "there is no request on standard input, or not all of one")
    }

    private func waitForTheEnd() {
        let end = ContinuousClock.now + Self.longestHold
        while let piece = piece(until: end), !piece.isEmpty {}
    }

    /// - Returns: what is there; empty at the end or after an error, `nil` after the deadline.
    private func piece(until end: ContinuousClock.Instant) -> [UInt8]? {
        while true {
            let left = end - .now
            var ready = pollfd(fd: input, events: Int16(POLLIN), revents: 0)
            guard poll(&ready, 1, left.pollTimeout) > 0 else {
                if left <= .zero { return nil }
                continue
            }
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = Glibc.read(input, &bytes, bytes.count)
            if count < 0, errno == EINTR || errno == EAGAIN { continue }
            return Array(bytes[..<max(count, 0)])
        }
    }
}

/// Writes frames, one at a time and none after the last.
private final class FrameWriter: Sendable {
    private let descriptor: CInt
    private let isFinished = Mutex(false)

    init(_ descriptor: CInt) {
        self.descriptor = descriptor
    }

    /// Shows now and then that the work goes on, on a thread of its own, until the answer is written.
    func keepAlive(_ verb: ContainerRequest.Verb, every seconds: Int) throws(ScoutError) {
        let frame = AnswerFrame.alive(verb)
        try ScoutError.wrap(
            Thread.start { [self] in
                // A signal only makes a pause shorter. Where nothing can be written the answer can't either, which is told then.
                repeat { sleep(CUnsignedInt(clamping: seconds)) } while isFinished.withLock { !$0 && write(frame) }
            })
    }

    /// Writes the last frame.
    ///
    /// - Throws: `ScoutError` (`io`) where it can't be written.
    func finish(_ frame: [UInt8]) throws(ScoutError) {
        let isWritten = isFinished.withLock { isFinished in
            defer { isFinished = true }
            return isFinished || write(frame)
        }
        guard isWritten else {
            throw ScoutError(.io, "the answer can't be written: \(String(cString: strerror(errno)))")
        }
    }

    private func write(_ frame: [UInt8]) -> Bool {
        frame.withUnsafeBytes { File.writeAll($0, to: descriptor) }
    }
}
