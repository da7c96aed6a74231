public import Core
import FoundationEssentials
import Glibc
import Platform

/// Asks the host's agent what the firewall forwards (Docs/HostAgentProtocol.md).
public enum HostAgentClient {
    /// Asks once.
    ///
    /// The other side is trusted for the facts, not for its manners: the answer is bounded, and what could move a
    /// terminal's cursor is taken out of its words.
    ///
    /// Blocks the calling thread until the deadline at the most. The C functions are `connect`, `send` and `recv`.
    ///
    /// - Parameters:
    ///   - socketPath: the agent's socket.
    ///   - deadline: how long all of it may take; 3 s by default.
    /// - Returns: the report, whose source is `agent`.
    /// - Throws: `ScoutError`: `unreachable` where there is no socket, nobody listens, or no answer comes in time; `refused`
    ///   where this user may not connect; `protocolViolation` where the answer makes no sense; else what the agent says.
    public static func ask(_ socketPath: String, deadline: Duration = .seconds(3)) throws(ScoutError) -> ForwardsReport
    {
        let exchange = Exchange(path: socketPath, deadline: deadline)
        let answer = try exchange.answer()
        guard answer.last == UInt8(ascii: "\n") else {
            throw ScoutError(
                .protocolViolation, "the host's agent closed the connection in the middle of its answer", hint: again)
        }
        do throws(ScoutError) {
            var report = try JSON.decode(ForwardsReport.self, from: Data(answer))
            report.source = .agent
            return report
        } catch {
            guard error.code == .protocolViolation else { throw error }
            throw ScoutError(
                .protocolViolation, "the host's agent does not speak scout's protocol: \(error.message)",
                hint: "use the same version of scout on both sides")
        }
    }

    private static let again = "on the host: systemctl status scout-host-agent"

    private struct Exchange {
        let path: String
        let deadline: Duration
        let end: ContinuousClock.Instant

        init(path: String, deadline: Duration) {
            self.path = path
            self.deadline = deadline
            end = .now + deadline
        }

        func answer() throws(ScoutError) -> [UInt8] {
            let descriptor = try ScoutError.wrap(UnixSocket.make(isNonblocking: true))
            defer { close(descriptor) }
            try dial(descriptor)
            // An agent that turns clients away has closed by now; what it said can still be read.
            let sent = AgentProtocol.request.withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
            }
            guard sent == AgentProtocol.request.count || errno == EPIPE || errno == ECONNRESET else {
                throw broken(errno)
            }
            var answer: [UInt8] = []
            var piece = [UInt8](repeating: 0, count: 65536)
            while true {
                try wait(descriptor)
                let count = recv(descriptor, &piece, piece.count, 0)
                if count < 0, errno == EAGAIN || errno == EINTR { continue }
                // Reset is how a close looks to who sent more than was read.
                if count == 0 || (count < 0 && errno == ECONNRESET) { break }
                guard count > 0 else { throw broken(errno) }
                answer += piece[..<count]
                guard answer.count <= AgentProtocol.longestAnswer else {
                    throw ScoutError(
                        .protocolViolation,
                        "the host's agent answers with more than \(AgentProtocol.longestAnswer >> 20) MiB", hint: again)
                }
            }
            guard !answer.isEmpty else {
                throw ScoutError(
                    .protocolViolation, "the host's agent closed the connection without an answer", hint: again)
            }
            return answer
        }

        /// A full queue doesn't become ready, so it is tried again.
        private func dial(_ descriptor: CInt) throws(ScoutError) {
            while try ScoutError.wrap(UnixAddress.withSocketAddress(path, { connect(descriptor, $0, $1) })) != 0 {
                switch errno {
                case EINTR: continue
                case EAGAIN:
                    guard ContinuousClock.now < end else { throw silent }
                    usleep(10_000)
                case ENOENT, ENOTDIR:
                    throw ScoutError(
                        .unreachable, "the host's agent is absent: no socket at \(path)",
                        hint: "on the host: systemctl start scout-host-agent")
                case ECONNREFUSED:
                    throw ScoutError(
                        .unreachable, "the host's agent is dead: nobody listens at \(path)",
                        hint: "on the host: systemctl restart scout-host-agent")
                case EACCES, EPERM:
                    throw ScoutError(
                        .refused, "this user is not permitted to connect to the host's agent at \(path)",
                        hint: "ask as root in the container")
                default: throw broken(errno)
                }
            }
        }

        private func wait(_ descriptor: CInt) throws(ScoutError) {
            var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            while true {
                let left = end - .now
                guard left > .zero else { throw silent }
                let count = poll(&ready, 1, left.pollTimeout)
                if count > 0 { return }
                if count < 0, errno != EINTR { throw broken(errno) }
            }
        }

        private var silent: ScoutError {
            let seconds = deadline / .seconds(1)
            let number = seconds == seconds.rounded() ? "\(Int(seconds))" : "\(seconds)"
            return ScoutError(
                .unreachable, "the host's agent does not answer within \(number) s",
                hint: "on the host: systemctl restart scout-host-agent")
        }

        private func broken(_ number: CInt) -> ScoutError {
            ScoutError(
                .io, "the host's agent at \(path) can't be asked: \(String(cString: strerror(number)))", hint: again)
        }
    }
}
