import CLibSSH
import Platform

/// Time in which this side was awake, lap by lap.
///
/// A process that was stopped, or a machine that slept, heard nobody in that time and may blame nobody for it. So no lap
/// counts for more than the thread ever waits at a time.
struct AwakeClock {
    /// The longest wait of a session's thread while somebody waits for the session.
    static let longestLap = Duration.seconds(1)

    private(set) var total = Duration.zero
    private var last = ContinuousClock.now

    /// Ends a lap and begins the next.
    ///
    /// - Returns: how long the lap counts.
    mutating func lap() -> Duration {
        let now = ContinuousClock.now
        let counted = min(now - last, Self.longestLap)
        last = now
        total += counted
        return counted
    }
}

/// How long the peer has said nothing while we listened.
struct KeepaliveState {
    /// Time spent listening since the last byte from the peer, or since somebody began to wait.
    var listened = Duration.zero
    /// How much of it had passed at the first probe.
    var firstProbe: Duration?
    /// How much of it has passed when the next one is due.
    var nextProbe: Duration?
    /// Nobody waits, so nobody counts.
    var isIdle = true

    /// Somebody begins to wait.
    mutating func beginWaiting() {
        guard isIdle else { return }
        isIdle = false
        restart()
    }

    /// The peer was heard.
    mutating func restart() {
        listened = .zero
        firstProbe = nil
        nextProbe = nil
    }
}

extension EventLoop {
    /// In how much more silence the next probe is due.
    func nextProbe() -> Duration? {
        guard isAuthenticated, connection.failure == nil, !isIdle else { return nil }
        return max((keepalive.nextProbe ?? liveness.probeInterval) - keepalive.listened, .zero)
    }

    /// Called only when the connection has just been found silent: a thread that was held up may not blame the peer.
    func judgeSilence() {
        guard let handle = connection.handle, nextProbe() == .zero else { return }
        let queue = TCPState(connection.socket)
        if connection.isSending || queue.map({ $0.unacknowledgedBytes > 0 }) == true {
            // What we have sent is not there yet, so nobody can answer it. While the peer's kernel says that it has no
            // room the link is there; when it says nothing either, the link is lost.
            guard queue?.isUnanswered == true else { return keepalive.restart() }
            if keepalive.listened >= liveness.giveUp { return loseLink() }
            keepalive.nextProbe = keepalive.listened + liveness.probeInterval
            return
        }
        if let first = keepalive.firstProbe, keepalive.listened >= liveness.giveUp,
            keepalive.listened - first >= liveness.giveUp - liveness.probeInterval
        {
            return loseLink()
        }
        keepalive.firstProbe = keepalive.firstProbe ?? keepalive.listened
        keepalive.nextProbe = keepalive.listened + liveness.probeInterval
        // Whoever waits for an answer has asked for a sign of life, and would lose it to a keep-alive.
        guard !globalRequests.isBusy else { return }
        globalRequests.mayHaveAnswer = true
        // Where the last probe was answered the first call takes the answer in, and only the second one asks again;
        // where it was not, or was the first, the second call does nothing.
        let received = connection.received
        for _ in 0..<2 {
            // It always says that it went well.
            _ = ssh_send_keepalive(handle)
        }
        if ssh_is_connected(handle) == 0 { fail(connection.error("keep-alive", handle, receivedBefore: received)) }
    }

    private func loseLink() {
        let patience = SSHError.seconds(liveness.giveUp)
        fail(SSHError(.linkLost, "connection", "nothing was heard from \(host) for \(patience) s"))
    }
}
