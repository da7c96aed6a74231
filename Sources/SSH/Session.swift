import CLibSSH
import Glibc

/// One SSH connection, with all its channels, on a thread of its own.
///
/// libssh may be used by one thread at a time and keeps the last error in the session, so everything that touches it is
/// isolated to this actor, whose executor is a ``SessionThread``. libssh runs in non-blocking mode: an operation calls
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

    nonisolated let thread: SessionThread
    let knownHosts: KnownHosts
    let liveness: Liveness
    /// Our end of the connection: libssh has a duplicate, which it may close on an error while this one is watched.
    let socket: CInt
    var handle: ssh_session?
    var channels: [Int: Channel] = [:]
    var waiters: [Int: Waiter] = [:]
    var lastIdentifier = 0
    /// Grows whenever there may be something new for those who wait.
    var progress = 0
    /// libssh knows the socket.
    var hasBegun = false
    var isAuthenticated = false

    /// Why the session is over; every operation fails with it from then on.
    var failure: SSHError?
    /// What libssh counts on the socket: the one sign of progress that every kind of waiter can rely on.
    let counter: UnsafeMutablePointer<ssh_counter_struct>
    var seen = (received: UInt64(0), sent: UInt64(0))
    var watched: [Int] = []
    var silence = Silence()
    var clock = AwakeClock()

    /// The session's own thread.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    private init(
        thread: SessionThread, socket: CInt, host: String, port: UInt16, user: String, knownHosts: KnownHosts,
        liveness: Liveness
    ) {
        self.thread = thread
        self.socket = socket
        self.host = host
        self.port = port
        self.user = user
        self.knownHosts = knownHosts
        self.liveness = liveness
        counter = .allocate(capacity: 1)
        counter.initialize(to: ssh_counter_struct())
    }

    isolated deinit {
        release()
        Glibc.close(socket)
        counter.deallocate()
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
        let thread: SessionThread
        do {
            thread = try SessionThread()
        } catch {
            Glibc.close(socket)
            throw error
        }
        let session = Session(
            thread: thread, socket: socket, host: host, port: port, user: user, knownHosts: knownHosts,
            liveness: liveness)
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
        fail(SSHError(.closed, "session", "closed on this side"))
        release()
        // The descriptor stays open until deinit, when nobody can be polling it; the peer learns of the end now.
        shutdown(socket, CInt(SHUT_RDWR))
    }

    /// Whether operations can still succeed, as far as is known.
    public var isOpen: Bool { failure == nil && handle != nil }

    /// Waits until the session ends, and says why. Answers the peer's own keep-alives meanwhile and sends ours.
    ///
    /// - Throws: `CancellationError`.
    public func ended() async throws -> SSHError {
        while true {
            if let failure { return failure }
            do { try await wait(after: progress) } catch let error as SSHError { return error }
        }
    }

    /// The software the peer says it is, for example `SSH-2.0-OpenSSH_9.2p1`: `ssh_get_serverbanner`.
    public var serverBanner: String? {
        handle.flatMap { ssh_get_serverbanner($0) }.map { String(cString: $0) }
    }

    /// The text the peer shows before authentication, known after the first attempt: `ssh_get_issue_banner`.
    ///
    /// It is the peer's text as it came, control characters included.
    public var issueBanner: String? {
        guard let handle, let text = ssh_get_issue_banner(handle) else { return nil }
        defer { ssh_string_free_char(text) }
        return String(cString: text)
    }

    /// The cipher of what we receive, for example `aes128-gcm@openssh.com`: `ssh_get_cipher_in`.
    public var cipher: String? {
        handle.flatMap { ssh_get_cipher_in($0) }.map { String(cString: $0) }
    }

    private nonisolated func attachToThread() {
        // The thread must not keep the session alive; between the last release and deinit it sees nil.
        thread.attach(
            SessionThread.Hooks(
                prepare: { [weak self] in self?.assumeIsolated { $0.prepareTurn() } },
                dispatch: { [weak self] ready in self?.assumeIsolated { $0.finishTurn(ready) } }))
    }

    private func release() {
        for channel in channels.values { channel.free() }
        channels = [:]
        guard let handle else { return }
        self.handle = nil
        // libssh leaves a socket it was given open when it disconnects, but has closed it already after an error.
        let duplicate = ssh_get_fd(handle)
        if ssh_is_connected(handle) != 0 { ssh_disconnect(handle) }
        let isStillOpen = duplicate >= 0 && ssh_get_fd(handle) != duplicate
        ssh_free(handle)
        if isStillOpen { Glibc.close(duplicate) }
    }
}
