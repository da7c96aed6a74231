public import Core
import Glibc

/// Answers, on a Unix socket, what the host forwards. It takes one fixed line and obeys nothing.
///
/// Protocol and limits are in Docs/HostAgentProtocol.md. One thread serves all callers; none can make another wait.
public struct HostAgent: Sendable {
    /// Callers at a time; the next is told that it is too many.
    static let maximumClients = 16
    /// For the request line.
    static let requestDeadline = Duration.seconds(2)
    /// From the connection to the last byte of the answer.
    static let totalDeadline = Duration.seconds(5)

    /// A caller.
    private struct Client {
        let descriptor: CInt
        let since: ContinuousClock.Instant
        var request = AgentRequest()
        /// What is still to be sent; `nil` while there is no answer.
        var rest: ArraySlice<UInt8>?

        /// What it waits for.
        var events: Int16 {
            if request.state == .incomplete { return Int16(POLLIN) }
            return rest == nil ? 0 : Int16(POLLOUT)
        }

        var deadline: ContinuousClock.Instant {
            since + (request.state == .incomplete ? HostAgent.requestDeadline : HostAgent.totalDeadline)
        }
    }

    private let path: String
    private let answer: AgentAnswer

    /// - Parameters:
    ///   - socketPath: where to listen.
    ///   - answer: makes the report, without what is the owner's alone; called on a thread of its own, never twice at a
    ///     time, and not again within a second.
    /// - Throws: `ScoutError` (`io`).
    public init(
        socketPath: String, answer: @escaping @Sendable () throws(ScoutError) -> ForwardsReport
    ) throws(ScoutError) {
        path = socketPath
        self.answer = try AgentAnswer(answer)
    }

    /// Answers callers until a descriptor is readable; then removes the socket. Blocks the calling thread.
    ///
    /// - Parameters:
    ///   - stop: ends the work.
    ///   - onListening: called once the socket is there.
    /// - Throws: `ScoutError`: `busy` where an agent answers there already; `cannotCreate`.
    public func run(until stop: CInt, onListening: () -> Void = {}) throws(ScoutError) {
        var socket = try AgentSocket(path)
        defer { socket.remove() }
        onListening()
        var clients: [Client] = []
        defer { for client in clients { close(client.descriptor) } }
        var looked = ContinuousClock.now
        var restUntil = ContinuousClock.now
        while true {
            // Without a free descriptor `accept` fails at once, and would be asked again at once.
            let isResting = restUntil > .now
            var polled = [
                pollfd(fd: stop, events: Int16(POLLIN), revents: 0),
                pollfd(fd: answer.wakeDescriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: socket.descriptor, events: isResting ? 0 : Int16(POLLIN), revents: 0),
            ]
            polled += clients.map { pollfd(fd: $0.descriptor, events: $0.events, revents: 0) }
            poll(&polled, nfds_t(polled.count), clients.isEmpty && !isResting ? 1000 : 100)
            if polled[0].revents != 0 { return }
            if polled[1].revents != 0 { answer.drain() }
            for (index, entry) in zip(clients.indices, polled.dropFirst(3)) where entry.revents != 0 {
                Self.advance(&clients[index])
                // Who has hung up doesn't wait for an answer any more, and would wake us without end.
                if entry.revents & Int16(POLLHUP | POLLERR) != 0 { clients[index].rest = [] }
            }
            serve(&clients)
            if polled[2].revents != 0, !Self.accept(on: socket.descriptor, &clients) {
                restUntil = .now + .milliseconds(200)
            }
            if ContinuousClock.now - looked > .seconds(1) {
                looked = .now
                // Somebody of the container took the name away; it is put back, once a second at most.
                if !socket.isInPlace, let again = try? AgentSocket(path) {
                    close(socket.descriptor)
                    socket = again
                }
            }
        }
    }

    /// Takes a caller in, or tells it that there are too many.
    ///
    /// - Returns: `false` where the system has no descriptor left.
    private static func accept(on listener: CInt, _ clients: inout [Client]) -> Bool {
        let descriptor = Glibc.accept(listener, nil, nil)
        guard descriptor >= 0 else { return errno != EMFILE && errno != ENFILE }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        guard clients.count < maximumClients else {
            var words = AgentAnswer.bytes(ScoutError(.busy, "too many callers at a time", hint: "try again"))[...]
            _ = send(&words, to: descriptor)
            close(descriptor)
            return true
        }
        clients.append(Client(descriptor: descriptor, since: .now))
        return true
    }

    /// Reads more of the request.
    private static func advance(_ client: inout Client) {
        guard client.request.state == .incomplete else { return }
        var piece = [UInt8](repeating: 0, count: AgentRequest.limit)
        let count = read(client.descriptor, &piece, piece.count)
        if count > 0 {
            client.request.feed(piece[..<count])
            if client.request.state == .wrong {
                client.rest = AgentAnswer.bytes(ScoutError(.usage, "the agent takes one line: scout.forwards/1"))[...]
            }
        } else if count == 0 || errno != EAGAIN && errno != EINTR {
            // Gone without a line: nothing to say.
            client.request.feed([10])
            client.rest = []
        }
    }

    /// Gives answers, sends what fits, and lets go of who is done or too late.
    private func serve(_ clients: inout [Client]) {
        let ready = clients.contains { $0.request.state == .complete && $0.rest == nil } ? answer.take() : nil
        for index in clients.indices where clients[index].request.state != .incomplete {
            if clients[index].rest == nil { clients[index].rest = ready?[...] }
            if clients[index].rest == nil, clients[index].deadline < .now {
                clients[index].rest =
                    AgentAnswer.bytes(ScoutError(.busy, "the host takes too long", hint: "try again"))[...]
            }
            if var rest = clients[index].rest {
                if !Self.send(&rest, to: clients[index].descriptor) { rest = [] }
                clients[index].rest = rest
            }
        }
        let now = ContinuousClock.now
        for client in clients where Self.isDone(client, now) { close(client.descriptor) }
        clients.removeAll { Self.isDone($0, now) }
    }

    private static func isDone(_ client: Client, _ now: ContinuousClock.Instant) -> Bool {
        client.rest?.isEmpty == true || client.deadline < now
    }

    /// Sends what the socket takes.
    ///
    /// - Returns: `false` where the caller is gone.
    private static func send(_ words: inout ArraySlice<UInt8>, to descriptor: CInt) -> Bool {
        while !words.isEmpty {
            let count = words.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) }
            if count < 0 { return errno == EAGAIN || errno == EINTR }
            words = words.dropFirst(count)
        }
        return true
    }
}
