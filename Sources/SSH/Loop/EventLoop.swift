import CLibSSH
import Glibc

/// What a session's thread does between its jobs: reads the connection, and wakes those concerned.
///
/// Each channel has a ``WaitList`` of its own, so what comes for one costs the others nothing. The type is not
/// `Sendable`: it stays in its ``Session``, on the session's thread.
final class EventLoop {
    /// How much unread output of one channel we hold before we stop reading the connection.
    ///
    /// libssh counts one window for stdout and stderr but widens it whenever either has room, so a peer that writes to
    /// both can send without end while stdout's consumer stands still. Beyond this the whole session has to wait.
    private static let largestBacklog = 16 << 20
    /// libssh reads 4 KiB at a time; so many in a row before others have their turn.
    private static let readsPerTurn = 64

    let thread: LoopThread
    let connection: Connection
    let liveness: Session.Liveness
    /// The name or address of the peer, for messages.
    let host: String
    let descriptors: DescriptorWatch
    let wakeQueue = WakeQueue()
    /// Whoever waits for an answer for which libssh has no callback: told of every byte that comes or leaves.
    let traffic: WaitList
    /// Whoever waits for the end of the session.
    let end: WaitList
    /// The session is logged in, so the peer answers keep-alives.
    var isAuthenticated = false
    /// Before libssh reads the connection: those who wait for traffic are told when there is something to read.
    var isPeeking = false

    private var waiters: [Int: Waiter] = [:]
    private var lastIdentifier = 0
    /// When a waiter has to be woken at the latest; may be too early.
    private var alarm: ContinuousClock.Instant?
    private var seen = (received: UInt64(0), sent: UInt64(0))
    /// Channels that wait for room in their window.
    private var starved: [ChannelState] = []
    /// Channels that have a window and wait for their turn to fill the connection.
    private var queued: [ChannelState] = []
    /// How many channels have a backlog of more than ``largestBacklog``.
    private var overfull = 0
    /// How many waiters have been woken by news.
    private(set) var wakings = 0

    var keepalive = KeepaliveState()
    var globalRequests = GlobalRequestState()
    var clock = AwakeClock()

    /// - Throws: `SSHError` (`local`) where the process has no descriptor left.
    init(thread: LoopThread, connection: Connection, host: String, liveness: Session.Liveness) throws(SSHError) {
        self.thread = thread
        self.connection = connection
        self.host = host
        self.liveness = liveness
        descriptors = try DescriptorWatch()
        traffic = WaitList(wakeQueue)
        end = WaitList(wakeQueue)
    }

    /// Nobody waits for anything.
    var isIdle: Bool { waiters.isEmpty }

    /// A list for a channel.
    func makeList() -> WaitList { WaitList(wakeQueue) }

    /// Ends the connection with a reason, the first one given, and wakes everyone.
    func fail(_ reason: SSHError) {
        connection.fail(reason)
        wakeEveryone()
    }
}

// MARK: For operations

extension EventLoop {
    /// Time in which this side was awake, since the session began.
    func awake() -> Duration {
        _ = clock.lap()
        return clock.total
    }

    /// Suspends until there is news, or the time has come.
    ///
    /// Says not which: the caller looks at what it waits for, and waits again. Returns also without a reason.
    ///
    /// - Parameters:
    ///   - list: what to wait for.
    ///   - mark: its ``WaitList/news`` before the caller looked. Swift may run other jobs on its way in here, and what
    ///     they have moved must not be waited for.
    ///   - until: when to return at the latest.
    /// - Throws: `SSHError` where the session is over; `CancellationError`.
    nonisolated(nonsending) func wait(
        for list: WaitList, after mark: Int, until: ContinuousClock.Instant? = nil
    ) async throws {
        if let failure = connection.failure { throw failure }
        try Task.checkCancellation()
        keepalive.beginWaiting()
        lastIdentifier += 1
        let identifier = lastIdentifier
        // A continuation resumes on Swift's pool, to hop from there to the actor, unless the task prefers this thread.
        await withTaskExecutorPreference(thread) {
            await withTaskCancellationHandler {
                await withCheckedContinuation {
                    let waiter = Waiter(identifier, for: list, until: until, $0)
                    if list.news == mark, !Task.isCancelled { add(waiter) } else { waiter.resume() }
                }
            } onCancel: { [thread] in
                thread.cancel(identifier)
            }
        }
        try Task.checkCancellation()
    }

    /// Calls libssh until it no longer says "again".
    ///
    /// - Parameters:
    ///   - operation: what it is, for errors.
    ///   - deadline: how long it may take, in time in which this side was awake.
    ///   - again: what the function returns when it has to be called again.
    ///   - call: one call of a non-blocking libssh function.
    /// - Returns: what the function returned at last, which is no error.
    /// - Throws: `SSHError`, with libssh's message read right after the call; `CancellationError`.
    @discardableResult
    nonisolated(nonsending) func complete(
        _ operation: String, within deadline: Duration, again: CInt = SSH_AGAIN, _ call: (ssh_session) -> CInt
    ) async throws -> CInt {
        let end = awake() + deadline
        while true {
            let handle = try connection.live(operation)
            let (mark, received) = (traffic.news, connection.received)
            let status = call(handle)
            if status == SSH_ERROR { throw error(operation, handle, receivedBefore: received) }
            if status != again { return status }
            let left = end - awake()
            if left <= .zero { throw SSHError.deadline(operation, deadline) }
            do {
                try await wait(for: traffic, after: mark, until: .now + left)
            } catch {
                throw connection.over(operation) ?? error
            }
        }
    }

    /// What libssh says about a call that has just failed; wakes everyone where the connection ended by it.
    ///
    /// - Parameter received: what ``Connection/received`` was before the call.
    func error(_ operation: String, _ handle: ssh_session, receivedBefore received: UInt64) -> SSHError {
        let error = connection.error(operation, handle, receivedBefore: received)
        if connection.failure != nil { wakeEveryone() }
        return error
    }

    private func add(_ waiter: Waiter) {
        waiters[waiter.identifier] = waiter
        waiter.list.add(waiter)
        if let until = waiter.until { alarm = min(alarm ?? until, until) }
    }

    private func wake(_ waiter: Waiter) {
        waiters[waiter.identifier] = nil
        waiter.list.remove(waiter)
        waiter.resume()
    }

    private func wakeEveryone() {
        for waiter in waiters.values {
            waiter.list.remove(waiter)
            waiter.resume()
        }
        waiters = [:]
    }

    private func wakeThoseWithNews() {
        for waiter in wakeQueue.takeWaiters() {
            wakings += 1
            waiters[waiter.identifier] = nil
            waiter.resume()
        }
    }

    /// Wakes whoever's time has come.
    private func ringAlarm() {
        guard let alarm, alarm <= .now else { return }
        let now = ContinuousClock.now
        for waiter in waiters.values {
            if let until = waiter.until, until <= now { wake(waiter) }
        }
        self.alarm = waiters.values.compactMap(\.until).min()
    }
}

// MARK: For channels

extension EventLoop {
    /// Has a channel told when it may send.
    ///
    /// One at a time: who is told fills the connection, and the next has to wait until that has gone.
    ///
    /// - Parameter afterTraffic: not before the peer has said something, whatever its window.
    func waitForRoom(_ channel: ChannelState, afterTraffic: Bool = false) {
        guard !channel.waitsForRoom else { return }
        channel.waitsForRoom = true
        if channel.window > 0, !afterTraffic { queued.append(channel) } else { starved.append(channel) }
    }

    /// Tells the next channel that may send.
    private func grantRoom() {
        while !queued.isEmpty, !connection.isSending {
            let channel = queued.removeFirst()
            guard channel.waitsForRoom, !channel.isFree else { continue }
            channel.waitsForRoom = false
            channel.events.note()
            return
        }
    }

    /// libssh calls nobody back when a window has grown.
    private func feedStarved() {
        guard !starved.isEmpty else { return }
        starved.removeAll { channel in
            if channel.isFree { return true }
            guard channel.window > 0 else { return false }
            queued.append(channel)
            return true
        }
    }

    /// Counts a channel among those with too large a backlog, or no longer.
    func note(backlog: Int, of channel: ChannelState) {
        let isOverfull = backlog > Self.largestBacklog
        guard isOverfull != channel.isOverfull else { return }
        channel.isOverfull = isOverfull
        overfull += isOverfull ? 1 : -1
    }
}

// MARK: For the thread

extension EventLoop {
    /// What the thread should wait for.
    func prepareTurn() -> LoopThread.Watch {
        _ = clock.lap()
        for identifier in thread.takeCancelled() {
            if let waiter = waiters[identifier] { wake(waiter) }
        }
        // An operation's own call may have met the end of the connection without failing by it.
        noticeEnd(receivedBefore: seen.received)
        noticeTraffic()
        grantRoom()
        wakeThoseWithNews()
        if waiters.isEmpty { keepalive.isIdle = true }

        var watch = LoopThread.Watch()
        watch.descriptors = descriptors.descriptor
        if let handle = connection.handle, connection.failure == nil, connection.hasBegun {
            watch.connection.fd = connection.socket
            watch.connection.events = overfull > 0 ? 0 : Int16(POLLIN)
            if ssh_get_poll_flags(handle) & SSH_WRITE_PENDING != 0 { watch.connection.events |= Int16(POLLOUT) }
            // Linux forgets it by itself; without it a reply to a small request may lie 40 ms in the peer's kernel.
            var on: CInt = 1
            // Where it is refused the reply comes 40 ms later.
            _ = setsockopt(
                connection.socket, CInt(IPPROTO_TCP), TCP_QUICKACK, &on, socklen_t(MemoryLayout<CInt>.size))
        } else if isPeeking, connection.failure == nil {
            watch.connection.fd = connection.socket
            watch.connection.events = Int16(POLLIN)
        }
        if !waiters.isEmpty { watch.until = .now + AwakeClock.longestLap }
        if let due = nextProbe() { watch.until = min(watch.until ?? .now + due, .now + due) }
        if let alarm { watch.until = min(watch.until ?? alarm, alarm) }
        return watch
    }

    /// Takes what the thread has found ready.
    func finishTurn(_ ready: LoopThread.Ready) {
        let lap = clock.lap()
        if ready.connection.fd >= 0 {
            if ready.connection.revents != 0 {
                if connection.hasBegun { readConnection() } else { traffic.note() }
            } else if ready.connection.events & Int16(POLLIN) != 0 {
                keepalive.listened += lap
                judgeSilence()
            }
        }
        if ready.hasDescriptors { descriptors.dispatch() }
        ringAlarm()
        noticeTraffic()
        wakeThoseWithNews()
    }

    /// Lets libssh read and write what it can. Whatever it learns is in its buffers or in a ``ChannelState`` afterwards.
    private func readConnection() {
        for _ in 0..<Self.readsPerTurn {
            guard let handle = connection.handle, connection.failure == nil else { return }
            let received = connection.received
            // Its failures are those of the connection, which is asked right after it.
            _ = ssh_execute_message_callbacks(handle)
            noticeEnd(receivedBefore: received)
            if connection.received == received || overfull > 0 { return }
        }
    }

    private func noticeEnd(receivedBefore received: UInt64) {
        guard connection.failure == nil else { return }
        connection.noticeEnd(receivedBefore: received)
        if connection.failure != nil { wakeEveryone() }
    }

    private func noticeTraffic() {
        let now = (received: connection.received, sent: connection.sent)
        guard now != seen else { return }
        if now.received != seen.received {
            keepalive.restart()
            feedStarved()
        }
        seen = now
        traffic.note()
    }
}
