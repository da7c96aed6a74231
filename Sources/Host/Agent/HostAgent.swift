public import Core
import Glibc
import Platform

/// The host's agent: tells the container what the firewall forwards, and obeys nothing (Docs/HostAgentProtocol.md).
///
/// One thread, one `poll` loop on sockets that never block. Clients send one fixed line; whatever else they send is not
/// interpreted, stored, logged or echoed.
public final class HostAgent: Sendable {
    /// How many clients are served at once; one more is told that the agent is busy.
    public static let maxClients = 16

    private let socketPath: String
    private let answer: @Sendable () -> Result<ForwardsReport, ScoutError>
    private let limits: AgentLimits

    /// - Parameters:
    ///   - socketPath: where to listen; the directory exists, and somebody hostile may write to it.
    ///   - answer: finds out the facts, without what is the owner's alone. It may take seconds, runs on a thread of its own,
    ///     never twice at a time, and at most about once a second. Of its error only the code is passed on.
    public convenience init(
        socketPath: String, answer: @escaping @Sendable () -> Result<ForwardsReport, ScoutError>
    ) {
        self.init(socketPath: socketPath, limits: AgentLimits(), answer: answer)
    }

    init(
        socketPath: String, limits: AgentLimits, answer: @escaping @Sendable () -> Result<ForwardsReport, ScoutError>
    ) {
        self.socketPath = socketPath
        self.limits = limits
        self.answer = answer
    }

    /// Serves until told to stop, then removes the socket.
    ///
    /// A socket that is removed or replaced is put back within about a second, except over something that is no socket or
    /// that somebody listens on: then it waits, and looks again each second.
    ///
    /// Blocks the calling thread. The C functions are `bind`, `listen`, `accept` and `poll`.
    ///
    /// - Parameters:
    ///   - stop: a descriptor that becomes readable, or is closed at its other end, when it shall end.
    ///   - whenListening: called once, when clients may come.
    /// - Throws: `ScoutError`, before anybody is served: `busy` where somebody listens at the path already, `cannotCreate`
    ///   where something else is there or the directory doesn't permit a socket, `io` where the system has no descriptor.
    public func run(until stop: CInt, whenListening: () -> Void = {}) throws(ScoutError) {
        let socket = try AgentSocket(at: socketPath)
        let cache: ForwardsCache
        do throws(ScoutError) {
            cache = try ForwardsCache(lifetime: limits.lifetime, answer)
        } catch {
            socket.remove()
            throw error
        }
        whenListening()
        var loop = AgentLoop(socket: socket, path: socketPath, cache: cache, limits: limits)
        loop.run(until: stop)
    }
}

/// The state of a running agent, touched by one thread.
private struct AgentLoop {
    var socket: AgentSocket?
    let path: String
    let cache: ForwardsCache
    let limits: AgentLimits
    private var clients: [AgentConnection] = []
    private var lookAt: ContinuousClock.Instant
    private var pausedUntil: ContinuousClock.Instant?

    init(socket: AgentSocket, path: String, cache: ForwardsCache, limits: AgentLimits) {
        self.socket = socket
        self.path = path
        self.cache = cache
        self.limits = limits
        lookAt = .now + limits.look
    }

    mutating func run(until stop: CInt) {
        while true {
            // Where there is no listener, or it is not listened to, poll ignores the place: its descriptor is negative.
            var waiting = [
                pollfd(fd: stop, events: Int16(POLLIN), revents: 0),
                pollfd(fd: cache.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: pausedUntil == nil ? socket?.descriptor ?? -1 : -1, events: Int16(POLLIN), revents: 0),
            ]
            waiting += clients.map { pollfd(fd: $0.descriptor, events: $0.events, revents: 0) }
            if poll(&waiting, nfds_t(waiting.count), timeout) < 0 {
                if errno != EINTR { usleep(100_000) }
                continue
            }
            if waiting[0].revents != 0 { break }
            // The clients first: the places fit only as long as nobody has come or gone.
            for (index, ready) in waiting.dropFirst(3).enumerated() where ready.revents != 0 {
                clients[index].advance(ready.revents, cache)
            }
            if waiting[1].revents != 0 { spread() }
            dismissLate()
            clients.removeAll { $0.isGone }
            if waiting[2].revents != 0 { admit() }
            keepInPlace()
        }
        for client in clients { close(client.descriptor) }
        socket?.remove()
    }

    /// Milliseconds until something is due.
    private var timeout: CInt {
        let due = clients.map(\.due).reduce(min(lookAt, pausedUntil ?? lookAt), min)
        return (due - .now).pollTimeout
    }

    /// Gives the answer that has come to all who wait for it.
    private mutating func spread() {
        cache.drain()
        for index in clients.indices {
            if clients[index].isWaiting, let answer = cache.answer() { clients[index].give(answer) }
        }
    }

    private mutating func dismissLate() {
        let now = ContinuousClock.now
        for index in clients.indices where now >= clients[index].due { clients[index].dismiss() }
        if let until = pausedUntil, now >= until { pausedUntil = nil }
    }

    private mutating func admit() {
        guard let listener = socket?.descriptor else { return }
        // So many at a turn: who knocks without end must not keep the others from their answers.
        for _ in 0..<32 {
            let next: CInt?
            do throws(SystemError) { next = try ListeningSocket.accept(listener, isNonblocking: true) } catch {
                // Out of descriptors or memory: the queue stays readable, so look away for a moment.
                pausedUntil = .now + limits.pause
                return
            }
            guard let connection = next else { return }
            var client = AgentConnection(connection, limits)
            if clients.count < HostAgent.maxClients {
                clients.append(client)
            } else {
                // It fits into the socket's own buffer, or it is not sent.
                client.turnAway()
            }
        }
    }

    private mutating func keepInPlace() {
        guard ContinuousClock.now >= lookAt else { return }
        lookAt = .now + limits.look
        guard socket?.isInPlace != true else { return }
        // The old one is kept until there is another: it may come back by the hand that took it.
        if let new = try? AgentSocket(at: path) {
            if let old = socket { close(old.descriptor) }
            socket = new
        }
    }
}
