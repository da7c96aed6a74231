import CLibSSH
import Glibc

/// Somebody suspended until something happens.
struct Waiter {
    let interests: [Interest]
    let until: ContinuousClock.Instant?
    let continuation: CheckedContinuation<Void, Never>
}

/// A descriptor of the caller's, and what it should be ready for; good for one wake-up.
struct Interest {
    let descriptor: CInt
    let events: CInt

    static func readable(_ descriptor: CInt) -> Interest { Interest(descriptor: descriptor, events: POLLIN) }
    static func writable(_ descriptor: CInt) -> Interest { Interest(descriptor: descriptor, events: POLLOUT) }
}

// MARK: For operations

extension Session {
    /// Suspends until the session has made progress, a descriptor is ready, or the time has come.
    ///
    /// Says not which: the caller looks at what it waits for, and waits again. Returns also without a reason.
    ///
    /// - Parameter mark: what ``progress`` was before the caller looked. Swift may run other jobs on its way in here,
    ///   and what they have moved must not be waited for.
    /// - Throws: `SSHError` where the session is over; `CancellationError`.
    func wait(
        after mark: Int, for interests: [Interest] = [], until: ContinuousClock.Instant? = nil
    ) async throws {
        if let failure { throw failure }
        try Task.checkCancellation()
        if silence.isIdle {
            silence.isIdle = false
            silence.restart()
        }
        lastIdentifier += 1
        let identifier = lastIdentifier
        // A continuation resumes on Swift's pool, to hop from there to the actor, unless the task prefers this thread.
        await withTaskExecutorPreference(thread) {
            await withTaskCancellationHandler {
                await withCheckedContinuation {
                    let waiter = Waiter(interests: interests, until: until, continuation: $0)
                    if progress == mark, !Task.isCancelled {
                        waiters[identifier] = waiter
                    } else {
                        waiter.continuation.resume()
                    }
                }
            } onCancel: {
                Task { await self.wake(identifier) }
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
    func complete(
        _ operation: String, within deadline: Duration, again: CInt = SSH_AGAIN, _ call: (ssh_session) -> CInt
    ) async throws -> CInt {
        let end = awake() + deadline
        while true {
            let handle = try live(operation)
            let (mark, received) = (progress, counter.pointee.in_bytes)
            let status = call(handle)
            if status == SSH_ERROR { throw error(operation, handle, receivedBefore: received) }
            if status != again { return status }
            let left = end - awake()
            if left <= .zero { throw SSHError.deadline(operation, deadline) }
            do { try await wait(after: mark, until: .now + left) } catch { throw over(operation) ?? error }
        }
    }

    /// Why the session is over, told as the failure of an operation.
    func over(_ operation: String) -> SSHError? {
        failure.map { SSHError($0.kind, operation, code: $0.code, $0.message) }
    }

    /// The handle, while the session can be used.
    func live(_ operation: String) throws(SSHError) -> ssh_session {
        if let over = over(operation) { throw over }
        guard let handle else { throw SSHError(.closed, operation, "the session is closed") }
        return handle
    }

    /// What libssh says about a call that has just failed; ends the session where the failure did.
    ///
    /// - Parameter receivedBefore: what the counter said before the call. libssh has one code for all fatal errors; a
    ///   call that failed without a byte from the peer failed on the socket, the others on what the peer said.
    func error(_ operation: String, _ handle: ssh_session, receivedBefore: UInt64) -> SSHError {
        let code = ssh_get_error_code(UnsafeMutableRawPointer(handle))
        let said = ssh_get_error(UnsafeMutableRawPointer(handle)).map { String(cString: $0) } ?? ""
        let isOver = ssh_is_connected(handle) == 0
        // libssh has no word for some of its failures.
        let text =
            said.isEmpty
            ? (isOver && hasBegun ? "the connection is over" : "libssh failed") + ", and no reason is given" : said
        if ssh_is_connected(handle) != 0 {
            let isDenial = code == CInt(SSH_REQUEST_DENIED.rawValue)
            return SSHError(isDenial ? .denied : .protocolFailure, operation, code: code, text)
        }
        let kind: SSHError.Kind
        if text.hasPrefix("Received SSH_MSG_DISCONNECT") {
            // libssh has a function that tells, but it answers only after ssh_disconnect has freed the channels.
            kind = .disconnected
        } else {
            // The last bytes and the end may come in one call, which then fails on the socket nevertheless.
            let isSocket = text.hasPrefix("Socket error") || counter.pointee.in_bytes == receivedBefore
            kind = isSocket ? .linkLost : .protocolFailure
        }
        let message = kind == .disconnected ? Self.goodbye(text) : text
        fail(SSHError(kind, operation, code: code, message))
        return over(operation) ?? SSHError(kind, operation, code: code, message)
    }

    /// What the server said when it ended the connection (RFC 4253, section 11.1), out of libssh's
    /// `Received SSH_MSG_DISCONNECT: 2:text`. The words are the server's, control characters included.
    private static func goodbye(_ text: String) -> String {
        let parts = text.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3 else { return text }
        let number = parts[1].drop { $0 == " " }
        let words = parts[2].isEmpty || parts[2] == "no error" ? "without a word" : "saying \"\(parts[2])\""
        return "the server ended the connection \(words) (reason \(number))"
    }

    /// Ends the session with a reason, the first one given, and wakes everyone.
    func fail(_ reason: SSHError) {
        if failure == nil { failure = reason }
        wakeAll()
    }

    private func wake(_ identifier: Int) {
        waiters.removeValue(forKey: identifier)?.continuation.resume()
    }

    func wakeAll() {
        progress += 1
        let all = waiters.values
        waiters = [:]
        for waiter in all { waiter.continuation.resume() }
    }
}

// MARK: For the thread

extension Session {
    /// How much unread output of one channel we hold before we stop reading the connection.
    ///
    /// libssh counts one window for stdout and stderr but widens it whenever either has room, so a peer that writes to
    /// both can send without end while stdout's consumer stands still. Beyond this the whole session has to wait.
    private static var largestBacklog: Int { 16 << 20 }
    /// libssh reads 4 KiB at a time; so many in a row before others have their turn.
    private static var readsPerTurn: Int { 64 }

    private var isFull: Bool { channels.values.contains { $0.backlog > Self.largestBacklog } }

    func prepareTurn() -> SessionThread.Watch {
        var watch = SessionThread.Watch()
        _ = clock.lap()
        if waiters.isEmpty { silence.isIdle = true }
        // An operation's own call may have met the end of the connection without failing by it.
        if let handle, failure == nil, hasBegun, ssh_is_connected(handle) == 0 {
            fail(error("connection", handle, receivedBefore: seen.received))
        }
        noticeProgress()
        watched.removeAll(keepingCapacity: true)

        var connection = pollfd(fd: -1, events: 0, revents: 0)
        if let handle, failure == nil, hasBegun {
            connection.fd = socket
            connection.events = isFull ? 0 : Int16(POLLIN)
            if ssh_get_poll_flags(handle) & SSH_WRITE_PENDING != 0 { connection.events |= Int16(POLLOUT) }
            // Linux forgets it by itself; without it a reply to a small request may lie 40 ms in the peer's kernel.
            var on: CInt = 1
            setsockopt(socket, CInt(IPPROTO_TCP), TCP_QUICKACK, &on, socklen_t(MemoryLayout<CInt>.size))
        }
        watch.descriptors.append(connection)

        if !waiters.isEmpty { watch.until = .now + AwakeClock.longestLap }
        if let due = nextProbe() { watch.until = min(watch.until ?? .now + due, .now + due) }
        for (identifier, waiter) in waiters {
            for interest in waiter.interests {
                watch.descriptors.append(
                    pollfd(fd: interest.descriptor, events: Int16(interest.events), revents: 0))
                watched.append(identifier)
            }
            if let until = waiter.until { watch.until = min(watch.until ?? until, until) }
        }
        return watch
    }

    func finishTurn(_ ready: [pollfd]) {
        let lap = clock.lap()
        if let connection = ready.first, connection.fd >= 0 {
            if connection.revents != 0 {
                readConnection()
            } else if connection.events & Int16(POLLIN) != 0 {
                silence.listened += lap
                judgeSilence()
            }
        }
        for (identifier, descriptor) in zip(watched, ready.dropFirst()) where descriptor.revents != 0 {
            wake(identifier)
        }
        let now = ContinuousClock.now
        for (identifier, waiter) in waiters {
            if let until = waiter.until, until <= now { wake(identifier) }
        }
        noticeProgress()
    }

    /// Lets libssh read and write what it can. Whatever it learns is in its buffers or in a ``Channel`` afterwards.
    private func readConnection() {
        for _ in 0..<Self.readsPerTurn {
            guard let handle, failure == nil else { return }
            let received = counter.pointee.in_bytes
            ssh_execute_message_callbacks(handle)
            if ssh_is_connected(handle) == 0 {
                fail(error("connection", handle, receivedBefore: received))
                return
            }
            if counter.pointee.in_bytes == received || isFull { return }
        }
    }

    private func noticeProgress() {
        let now = (received: counter.pointee.in_bytes, sent: counter.pointee.out_bytes)
        guard now != seen else { return }
        if now.received != seen.received { silence.restart() }
        seen = now
        wakeAll()
    }
}
