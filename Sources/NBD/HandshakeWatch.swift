import Dispatch
import Glibc
import Platform
import Synchronization

/// Ends a handshake from outside of libnbd, which does not return from a call while a server keeps it fed.
final class HandshakeWatch: Sendable {
    /// A handshake takes some kilobytes; libnbd keeps much of what it is sent.
    private static let mostBytes: UInt64 = 1 << 20
    private static let interval = DispatchTimeInterval.milliseconds(50)

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
            // Nothing is known of a socket of another kind, whose peer is on this machine.
            if let received = TCPState(state.socket)?.bytesReceived, received > Self.mostBytes {
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
}
