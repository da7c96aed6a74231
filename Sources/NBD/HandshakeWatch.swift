import Dispatch
import Glibc
import Synchronization

/// Ends a handshake from outside of libnbd, which does not return from a call while a server keeps it fed.
final class HandshakeWatch: Sendable {
    /// A handshake takes some kilobytes; libnbd keeps much of what it is sent.
    private static let mostBytes: UInt64 = 1 << 20
    private static let interval = DispatchTimeInterval.milliseconds(50)
    /// `tcpi_bytes_received` of linux/tcp.h, which glibc's header does not have.
    private static let receivedOffset = 128

    private struct State {
        /// A copy, so that its number stays this socket's own.
        var socket: CInt = -1
        var original: CInt = -1
        var isOver = false
        var verdict: NBDError?
    }

    private let state = Mutex(State())
    private let deadline: Duration
    private let end: ContinuousClock.Instant

    init(deadline: Duration) {
        self.deadline = deadline
        end = .now + deadline
        schedule()
    }

    /// What ended the handshake; `nil` where this did not.
    var verdict: NBDError? { state.withLock { $0.verdict } }

    /// Tells which socket is in use; libnbd tries one after another.
    func watch(_ socket: CInt) {
        state.withLock { state in
            guard state.original != socket, !state.isOver else { return }
            if state.socket >= 0 { close(state.socket) }
            state.original = socket
            // Without a copy the deadline of each wait is left.
            state.socket = fcntl(socket, F_DUPFD_CLOEXEC, 0)
        }
    }

    func stop() {
        state.withLock { state in
            if state.socket >= 0 { close(state.socket) }
            state.socket = -1
            state.isOver = true
        }
    }

    private func schedule() {
        DispatchQueue.global().asyncAfter(deadline: .now() + Self.interval) { [weak self] in
            guard let self, self.look() else { return }
            self.schedule()
        }
    }

    private func look() -> Bool {
        state.withLock { state in
            guard !state.isOver else { return false }
            guard state.socket >= 0 else { return true }
            if Self.received(state.socket) > Self.mostBytes {
                state.verdict = NBDError(
                    .protocolViolation, "connect", code: EPROTO,
                    "the server sent more than \(Self.mostBytes) bytes before the end of the handshake")
            } else if .now >= end {
                let seconds = Int((deadline / .seconds(1)).rounded(.up))
                state.verdict = NBDError(
                    .timedOut, "connect", code: ETIMEDOUT, "the handshake did not end within \(seconds) s")
            }
            // Whatever it says: the wait ends, and the verdict is told.
            if state.verdict != nil { shutdown(state.socket, CInt(SHUT_RDWR)) }
            return state.verdict == nil
        }
    }

    /// Bytes that came by a TCP socket; 0 for another kind, which is on this machine.
    private static func received(_ socket: CInt) -> UInt64 {
        var info = [UInt8](repeating: 0, count: 256)
        var size = socklen_t(info.count)
        guard getsockopt(socket, CInt(IPPROTO_TCP), TCP_INFO, &info, &size) == 0,
            Int(size) >= receivedOffset + MemoryLayout<UInt64>.size
        else { return 0 }
        return info.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: receivedOffset, as: UInt64.self) }
    }
}
