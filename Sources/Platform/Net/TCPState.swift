import CLinux
import Glibc

/// What the kernel knows of a TCP connection, without touching its bytes (tcp(7), `TCP_INFO`).
public struct TCPState: Sendable {
    /// How often the oldest segment was sent again without an answer.
    public let retransmits: Int
    /// How many probes of a closed window were not answered.
    public let unansweredProbes: Int
    /// How long ago the last data was sent.
    public let sinceLastSent: Duration
    /// How long ago the last data was received.
    public let sinceLastReceived: Duration
    /// How long ago the last acknowledgement was received.
    public let sinceLastAcknowledgement: Duration
    /// The bytes that the peer has acknowledged; 0 where the kernel is too old to say.
    public let bytesAcknowledged: UInt64
    /// The bytes that the peer has sent; 0 where the kernel is too old to say.
    public let bytesReceived: UInt64
    /// Bytes written here that the peer's kernel has not acknowledged (`SIOCOUTQ`).
    public let unacknowledgedBytes: Int

    /// Whether something is on its way and the peer's kernel has not answered the last attempt, be it a repetition or a
    /// probe of its closed window.
    ///
    /// Any answer sets the probes to zero; the repetitions only one that takes something, and a peer without room takes
    /// nothing. So it counts whether an answer has come since the last attempt.
    public var isUnanswered: Bool {
        unansweredProbes > 0 || retransmits > 0 && sinceLastAcknowledgement > sinceLastSent
    }

    /// - Parameter socket: a TCP socket.
    /// - Returns: `nil` where it is none.
    public init?(_ socket: CInt) {
        var info = clinux_tcp_info()
        guard clinux_tcp_info(socket, &info) == 0 else { return nil }
        retransmits = Int(info.retransmits)
        unansweredProbes = Int(info.probes)
        sinceLastSent = .milliseconds(Int(info.last_data_sent))
        sinceLastReceived = .milliseconds(Int(info.last_data_received))
        sinceLastAcknowledgement = .milliseconds(Int(info.last_ack_received))
        bytesAcknowledged = info.has_bytes != 0 ? info.bytes_acknowledged : 0
        bytesReceived = info.has_bytes != 0 ? info.bytes_received : 0
        var waiting: CInt = 0
        unacknowledgedBytes = clinux_unacknowledged(socket, &waiting) == 0 ? Int(waiting) : 0
    }

    /// Has the kernel end a connection whose peer has gone without a word.
    ///
    /// - Parameters:
    ///   - idle: after how long without a byte the kernel asks; then every 10 s, four times.
    ///   - unanswered: how long bytes may stay unacknowledged.
    /// - Returns: whether all of it could be set; the connection works without, too.
    @discardableResult
    public static func noticeDeadPeers(
        on socket: CInt, idle: Duration = .seconds(20), unanswered: Duration = .seconds(60)
    ) -> Bool {
        let tcp = CInt(IPPROTO_TCP)
        return [
            (SOL_SOCKET, SO_KEEPALIVE, 1), (tcp, TCP_KEEPIDLE, CInt(idle.components.seconds)), (tcp, TCP_KEEPINTVL, 10),
            (tcp, TCP_KEEPCNT, 4), (tcp, TCP_USER_TIMEOUT, unanswered.pollTimeout), (tcp, TCP_NODELAY, 1),
        ].allSatisfy { level, option, number in
            var value = number
            return setsockopt(socket, level, option, &value, socklen_t(MemoryLayout<CInt>.size)) == 0
        }
    }
}
