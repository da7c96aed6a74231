import CLibNBD
import Glibc

/// Several connections to one export, polled together by one thread.
public final class ConnectionGroup {
    /// The connections, in the order in which they were given.
    public let connections: [Connection]
    private let inactivityTimeout: Duration

    /// - Parameters:
    ///   - connections: at least one; all on this thread from now on.
    ///   - inactivityTimeout: how long a connection with requests in flight may bring no byte before it counts as lost; 30 s by
    ///     default. A disk that takes longer over a bad sector needs more. A server that sends bytes, but does not
    ///     complete one answer within twenty times that, counts as lost as well.
    public init(_ connections: [Connection], inactivityTimeout: Duration = .seconds(30)) {
        self.connections = connections
        self.inactivityTimeout = inactivityTimeout
    }

    /// Waits until something happens: an answer, a wake-up, the timeout.
    ///
    /// - Parameters:
    ///   - wake: descriptors that end the wait when they are readable; the caller empties them.
    ///   - timeout: how long to wait at the most; `nil`, the default, for as long as the connections may be silent.
    /// - Returns: the answers that have come in, of all connections; empty after a wake-up or the timeout.
    /// - Throws: `NBDError`: `connectionLost` where a server is gone, silent for too long, or shutting down;
    ///   `protocolViolation` where an answer cannot be believed. The connections are of no use afterwards.
    ///
    /// Blocks the calling thread. The C functions are `poll`, `nbd_aio_notify_read`, `nbd_aio_notify_write` and
    /// `nbd_aio_command_completed`.
    public func wait(wake: [CInt] = [], timeout: Duration? = nil) throws(NBDError) -> [Reply] {
        var end = timeout.map { ContinuousClock.now + $0 }
        for connection in connections where connection.inFlight > 0 {
            let lost = connection.lastActivity + inactivityTimeout
            end = end.map { min($0, lost) } ?? lost
        }
        // A connection with nothing in flight is watched as well: that it closed must not wait for the next request.
        var descriptors: [pollfd] = []
        for connection in connections {
            guard !connection.handle.isGone, let interest = connection.handle.interest() else {
                throw Self.closed
            }
            descriptors.append(interest)
        }
        descriptors += wake.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        guard end != nil || !descriptors.isEmpty else { return [] }
        _ = try pollUntil(&descriptors, end, "wait")

        var replies: [Reply] = []
        for (connection, ready) in zip(connections, descriptors) {
            if ready.revents != 0, try connection.handle.notify(ready, .connectionLost, "wait for the server") {
                connection.lastActivity = .now
            }
            if let request = connection.pending.values.first(where: \.isHopeless) { throw request.violation }
            guard !connection.handle.isGone else { throw Self.closed }
            try connection.collect(into: &replies)
            if connection.inFlight > 0, .now - connection.lastActivity >= inactivityTimeout {
                let seconds = Int((inactivityTimeout / .seconds(1)).rounded(.up))
                throw NBDError(
                    .connectionLost, "wait for the server", code: ETIMEDOUT,
                    "the server sent nothing for \(seconds) s")
            }
            if connection.inFlight > 0, .now - connection.lastAnswer >= inactivityTimeout * Self.mostTimeouts {
                let seconds = Int((inactivityTimeout * Self.mostTimeouts / .seconds(1)).rounded(.up))
                throw NBDError(
                    .connectionLost, "wait for the server", code: ETIMEDOUT,
                    "the server has not completed an answer for \(seconds) s")
            }
        }
        return replies
    }

    private static let mostTimeouts = 20

    private static let closed = NBDError(
        .connectionLost, "wait for the server", code: ENOTCONN, "the server closed the connection")
}

extension Connection {
    /// Retires the commands that have completed.
    fileprivate func collect(into replies: inout [Reply]) throws(NBDError) {
        while !pending.isEmpty {
            let cookie = nbd_aio_peek_command_completed(handle.pointer)
            guard cookie > 0 else { return }
            let status = nbd_aio_command_completed(handle.pointer, UInt64(cookie))
            let operation = pending[cookie]?.isRead == false ? "ask for block status" : "read"
            let failure = status == 1 ? nil : NBDError.last(.serverError, operation)
            guard let request = pending.removeValue(forKey: cookie) else {
                throw NBDError(.protocolViolation, operation, code: EPROTO, "an answer to a request that was not sent")
            }
            lastAnswer = .now
            receivedBytes += UInt64(request.receivedBytes)
            replies.append(Reply(token: request.token, outcome: try outcome(of: request, failure)))
        }
    }

    private func outcome(of request: Request, _ failure: NBDError?) throws(NBDError) -> Reply.Outcome {
        let operation = request.isRead ? "read" : "ask for block status"
        if request.error == 0 {
            let isWhole = request.isRead ? request.isWhole : !request.extents.isEmpty
            guard isWhole, failure == nil else {
                throw request.violation
            }
            return request.isRead
                ? .read(holes: request.holes.sorted { $0.lowerBound < $1.lowerBound }) : .extents(request.extents)
        }
        switch request.error {
        case ESHUTDOWN, ENOTCONN:
            throw NBDError(.connectionLost, operation, code: request.error, "the server is shutting down")
        case EPROTO:
            throw NBDError(
                .protocolViolation, operation, code: EPROTO,
                "the answer for \(request.count) bytes at \(request.offset) violates the protocol")
        default:
            return .failed(failure ?? NBDError(.serverError, operation, code: request.error, "command failed"))
        }
    }
}

extension Request {
    /// That the answer is not what was asked for.
    fileprivate var violation: NBDError {
        let what = isHopeless ? "is more than was asked for, or in too many parts" : "does not cover them"
        return NBDError(
            .protocolViolation, isRead ? "read" : "ask for block status", code: EPROTO,
            "the answer for \(count) bytes at \(offset) \(what)")
    }
}
