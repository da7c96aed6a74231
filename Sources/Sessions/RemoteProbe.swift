public import Core
import FoundationEssentials
import Glibc
import SSH

extension RemoteContainer {
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
            let line = await blocking { output.readLine(within: .seconds(10)) }
            guard let line else {
                throw ScoutError(.unreachable, "the container at \(host) did not begin to listen within 10 s")
            }
            if line.isEmpty { throw Self.missing(on: host) }
            let result = try await body(try JSON.decode(ProbeReport.self, from: Data(line)))
            await finish()
            return result
        } catch {
            await finish()
            throw error
        }
    }
}

/// A pipe between a channel and this process.
private final class Pipe: Sendable {
    let readEnd: CInt
    let writeEnd: CInt
    private let isClosed = Latch()

    init() throws(ScoutError) {
        var ends: [CInt] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw ScoutError(.io, "no pipe to be had: \(String(cString: strerror(errno)))")
        }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        readEnd = ends[0]
        writeEnd = ends[1]
    }

    deinit {
        closeWriteEnd()
        close(readEnd)
    }

    func closeWriteEnd() {
        if isClosed.close() { close(writeEnd) }
    }

    /// Reads up to a line's end; what comes at the end of the pipe counts as a line. `nil` after the deadline.
    func readLine(within deadline: Duration) -> [UInt8]? {
        let end = ContinuousClock.now + deadline
        var line: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while line.count < 1 << 20 {
            var ready = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
            let left = end - .now
            // Asked also when the time is over: what came while this process was stopped has come in time.
            guard poll(&ready, 1, left.pollTimeout) > 0 else {
                if left <= .zero { return nil }
                continue
            }
            let count = read(readEnd, &piece, piece.count)
            if count <= 0 { return line }
            line += piece[..<count]
            // An error in place of the report takes several lines, and the pipe ends behind it.
            if let newline = line.firstIndex(of: 10), line[..<newline].last == UInt8(ascii: "}") {
                return Array(line[..<newline])
            }
        }
        return line
    }
}
