public import Core
import FoundationEssentials
import Glibc

/// The container's side of the host's agent.
public enum HostAgentClient {
    /// A longer answer is none of the agent's.
    static let limit = 1 << 20

    /// Asks the agent.
    ///
    /// - Parameters:
    ///   - path: its socket.
    ///   - deadline: for all of it.
    /// - Returns: its report.
    /// - Throws: `ScoutError`: `unreachable`, whose message tells an agent that is absent, dead, or hung; `refused`;
    ///   `protocolViolation`; and the agent's own errors.
    ///
    /// Blocks the calling thread.
    public static func ask(_ path: String, deadline: Duration) throws(ScoutError) -> ForwardsReport {
        let descriptor = socket(
            AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { throw ScoutError(.io, "a socket: \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        guard try UnixAddress.lend(path, { connect(descriptor, $0, $1) }) == 0 else { throw unreachable(path, errno) }
        let end = ContinuousClock.now + deadline
        let hung = ScoutError(
            .unreachable,
            "the host's agent is hung: it does not answer at \(path) within \(deadline.components.seconds) s",
            hint: "ask the owner to restart it")
        // The line is short, and the socket fresh: it fits.
        _ = AgentRequest.line.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) }
        var answer: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 16384)
        while answer.count <= limit {
            var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let left = (end - .now) / .milliseconds(1)
            guard left > 0 else { throw hung }
            guard poll(&ready, 1, CInt(left.rounded(.up))) > 0 else { continue }
            let count = read(descriptor, &piece, piece.count)
            if count < 0, errno == EAGAIN || errno == EINTR { continue }
            if count <= 0 { break }
            answer += piece[..<count]
        }
        guard answer.count <= limit, !answer.isEmpty else {
            throw ScoutError(.protocolViolation, "what answers at \(path) is not the host's agent")
        }
        return try JSON.decode(ForwardsReport.self, from: Data(answer))
    }

    private static func unreachable(_ path: String, _ code: CInt) -> ScoutError {
        let owner = "ask the owner to start 'scout host agent' on the LiveOS"
        return switch code {
        case ENOENT, ENOTDIR, ENOTSOCK:
            ScoutError(.unreachable, "the host's agent is absent: no socket at \(path)", hint: owner)
        case ECONNREFUSED:
            ScoutError(.unreachable, "the host's agent is dead: nobody listens at \(path)", hint: owner)
        case EAGAIN:
            ScoutError(.unreachable, "the host's agent is hung: nobody accepts at \(path)", hint: owner)
        case EACCES, EPERM:
            ScoutError(.refused, "the host's agent can't be asked by this user at \(path)", hint: "ask as root")
        default:
            ScoutError(.unreachable, "the host's agent at \(path): \(String(cString: strerror(code)))", hint: owner)
        }
    }
}
