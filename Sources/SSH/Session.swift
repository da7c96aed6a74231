import CLibSSH
import Glibc

/// One SSH connection, with all its channels, on a thread of its own.
///
/// libssh may be used by one thread at a time and keeps the last error in the session, so everything that touches it is
/// isolated to this actor, whose executor is a ``LoopThread``. libssh runs in non-blocking mode: an operation calls
/// it, and where it says "again" waits for the event loop, while the other channels go on.
///
/// A session ends with ``close()`` or with its last reference; its channels are freed first, and the thread ends.
public actor Session {
    /// How a peer that has fallen silent is noticed, while somebody waits for it and this process is awake to hear it.
    ///
    /// A peer that doesn't read is not silent while its kernel acknowledges: that is a full window, no lost link.
    public struct Liveness: Sendable {
        /// After how long a silence, and how often in it, the peer is asked for a sign of life.
        public var probeInterval: Duration
        /// After how long a silence the link counts as lost.
        public var giveUp: Duration

        /// - Parameters:
        ///   - probeInterval: silence before each `keepalive@openssh.com`; 5 s by default.
        ///   - giveUp: silence after which every waiter fails; 15 s by default.
        public init(probeInterval: Duration = .seconds(5), giveUp: Duration = .seconds(15)) {
            self.probeInterval = probeInterval
            self.giveUp = giveUp
        }
    }

    /// The name or address that known_hosts files know the peer by.
    public nonisolated let host: String
    /// The TCP port of the peer.
    public nonisolated let port: UInt16
    /// The account to log in to.
    public nonisolated let user: String

    nonisolated let thread: LoopThread
    let knownHosts: KnownHosts
    let connection: Connection
    let loop: EventLoop
    /// Channels that the server opens.
    let forwards: ForwardAcceptor
    var channels: [Int: ChannelState] = [:]
    var lastIdentifier = 0

    /// The session's own thread.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// - Parameter socket: closed by the session, also where this throws.
    private init(
        thread: LoopThread, socket: CInt, host: String, port: UInt16, user: String, knownHosts: KnownHosts,
        liveness: Liveness
    ) throws(SSHError) {
        self.thread = thread
        self.host = host
        self.port = port
        self.user = user
        self.knownHosts = knownHosts
        connection = Connection(socket: socket)
        loop = try EventLoop(thread: thread, connection: connection, host: host, liveness: liveness)
        forwards = ForwardAcceptor(loop)
    }

    isolated deinit {
        release()
        thread.stop()
    }

    /// Exchanges keys over a connected socket. The peer is not to be trusted before ``hostKeyStatus()`` has been judged.
    ///
    /// - Parameters:
    ///   - socket: a connected TCP socket; the session owns it from now on, also where this throws.
    ///   - host: the name or address to look for in known_hosts files.
    ///   - port: the TCP port, which is part of the name there unless it is 22.
    ///   - user: the account to log in to.
    ///   - knownHosts: where host keys are known from.
    ///   - deadline: how long the key exchange may take.
    ///   - liveness: how a lost link is noticed afterwards.
    /// - Throws: `SSHError`: `deadline`, `linkLost`, `disconnected`, or `protocolFailure` where no algorithm is common
    ///   or the peer doesn't speak SSH; `CancellationError`.
    ///
    /// The C functions are `ssh_options_set` and `ssh_connect`; the protocol is RFC 4253.
    public static func connect(
        socket: CInt, host: String, port: UInt16, user: String, knownHosts: KnownHosts, deadline: Duration,
        liveness: Liveness = Liveness()
    ) async throws -> Session {
        let thread: LoopThread
        do {
            thread = try LoopThread()
        } catch {
            Glibc.close(socket)
            throw error
        }
        let session: Session
        do {
            session = try Session(
                thread: thread, socket: socket, host: host, port: port, user: user, knownHosts: knownHosts,
                liveness: liveness)
        } catch {
            thread.stop()
            throw error
        }
        session.attachToThread()
        do {
            try await session.exchangeKeys(deadline: deadline)
        } catch {
            await session.close()
            throw error
        }
        return session
    }

    /// Ends the session: frees the channels, says goodbye, closes the connection. Whoever waits gets `closed`.
    ///
    /// The C functions are `ssh_channel_free`, `ssh_disconnect` and `ssh_free`, in this order.
    public func close() {
        loop.fail(SSHError(.closed, "session", "closed on this side"))
        release()
        // The descriptor stays open until deinit, when nobody can be polling it; the peer learns of the end now.
        // Where that fails the connection had ended already.
        _ = shutdown(connection.socket, CInt(SHUT_RDWR))
    }

    /// Whether operations can still succeed, as far as is known.
    public var isOpen: Bool { connection.failure == nil && connection.handle != nil }

    /// Waits until the session ends, and says why. Answers the peer's own keep-alives meanwhile and sends ours.
    ///
    /// - Throws: `CancellationError`.
    public func ended() async throws -> SSHError {
        while true {
            if let failure = connection.failure { return failure }
            do {
                try await loop.wait(for: loop.end, after: loop.end.news)
            } catch let error as SSHError {
                return error
            }
        }
    }

    /// The software the peer says it is, for example `SSH-2.0-OpenSSH_9.2p1`: `ssh_get_serverbanner`.
    public var serverBanner: String? {
        connection.handle.flatMap { ssh_get_serverbanner($0) }.map { String(cString: $0) }
    }

    /// The text the peer shows before authentication, known after the first attempt: `ssh_get_issue_banner`.
    ///
    /// It is the peer's text as it came, control characters included.
    public var issueBanner: String? {
        guard let handle = connection.handle, let text = ssh_get_issue_banner(handle) else { return nil }
        defer { ssh_string_free_char(text) }
        return String(cString: text)
    }

    /// The cipher of what we receive, for example `aes128-gcm@openssh.com`: `ssh_get_cipher_in`.
    public var cipher: String? {
        connection.handle.flatMap { ssh_get_cipher_in($0) }.map { String(cString: $0) }
    }

    private nonisolated func attachToThread() {
        // The thread must not keep the session alive; between the last release and deinit it sees nil.
        thread.attach(
            LoopThread.Hooks(
                prepare: { [weak self] in self?.assumeIsolated { $0.loop.prepareTurn() } },
                dispatch: { [weak self] ready in self?.assumeIsolated { $0.loop.finishTurn(ready) } }))
    }

    private func release() {
        for channel in channels.values { channel.free() }
        channels = [:]
        forwards.removeAll()
        connection.release()
    }
}
