import Glibc

/// What the kernel knows of a TCP connection, without touching its bytes (tcp(7)).
enum TCPInfo {
    /// The bytes that the peer has acknowledged, and those it has sent.
    static func bytes(_ connection: CInt) -> (sent: UInt64, received: UInt64) {
        // `struct tcp_info` of the kernel; glibc's own ends before tcpi_bytes_acked and tcpi_bytes_received.
        let acknowledged = 120
        let received = 128
        var raw = [UInt8](repeating: 0, count: 256)
        var size = socklen_t(raw.count)
        guard getsockopt(connection, CInt(IPPROTO_TCP), TCP_INFO, &raw, &size) == 0, Int(size) >= received + 8 else {
            return (0, 0)
        }
        return raw.withUnsafeBytes {
            (
                $0.loadUnaligned(fromByteOffset: acknowledged, as: UInt64.self),
                $0.loadUnaligned(fromByteOffset: received, as: UInt64.self)
            )
        }
    }

    /// Has the kernel end a connection whose peer has gone without a word: after about a minute.
    static func noticeDeadPeers(_ connection: CInt) {
        let tcp = CInt(IPPROTO_TCP)
        for (level, option, value) in [
            (SOL_SOCKET, SO_KEEPALIVE, 1), (tcp, TCP_KEEPIDLE, 20), (tcp, TCP_KEEPINTVL, 10), (tcp, TCP_KEEPCNT, 4),
            (tcp, TCP_USER_TIMEOUT, 60_000), (tcp, TCP_NODELAY, 1),
        ] {
            var value = CInt(value)
            setsockopt(connection, level, option, &value, socklen_t(MemoryLayout<CInt>.size))
        }
    }
}
