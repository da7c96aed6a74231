public import Core
import Glibc
import Platform
public import SSH

/// Opens sessions: dials, judges the host key, logs in.
public struct Connector: Sendable {
    /// Where host keys are known from.
    public var knownHosts: KnownHosts
    /// A private key to try before all else.
    public var identity: String?
    /// Private keys to try after the agent's; those that don't exist are passed over.
    public var defaultIdentities: [String]
    /// The agent's socket; `nil` is no agent.
    public var agentSocket: String?
    /// A fingerprint, as `SHA256:…`, that a host nobody knows yet may have.
    public var acceptedHostKey: String?
    /// Who answers questions.
    public var prompter: any Prompter
    /// How long dialling and the key exchange may take together, and the server with each answer after them.
    public var deadline: Duration
    /// How a lost link is noticed.
    public var liveness: Session.Liveness
    /// Told of each step of ``connect(to:)`` when it begins; on any thread.
    public var onStep: (@Sendable (Step) -> Void)?

    /// What opening a session consists of, in this order.
    public enum Step: Sendable {
        /// The connection and the key exchange.
        case dialling
        /// Whether the host's key is to be trusted.
        case hostKey
        /// Authentication.
        case login
    }

    /// The user's own keys, known hosts and agent.
    ///
    /// - Parameters:
    ///   - paths: where they are.
    ///   - identity: a private key to try before all else.
    ///   - acceptedHostKey: a fingerprint that a host nobody knows yet may have.
    ///   - prompter: who answers questions; by default the process's own terminal, and nobody where it has none.
    ///   - deadline: for dialling and the key exchange together; 10 s by default.
    public init(
        paths: Paths, identity: String? = nil, acceptedHostKey: String? = nil, prompter: any Prompter = Terminal(),
        deadline: Duration = .seconds(10)
    ) {
        knownHosts = KnownHosts(own: paths.knownHostsFile, others: [paths.userKnownHostsFile])
        self.identity = identity.map { paths.expand($0) }
        defaultIdentities = ["id_ed25519", "id_ecdsa", "id_rsa"].map { paths.home + "/.ssh/" + $0 }
        agentSocket = paths.environment["SSH_AUTH_SOCK"].flatMap { $0.isEmpty ? nil : $0 }
        self.acceptedHostKey = acceptedHostKey
        self.prompter = prompter
        self.deadline = deadline
        liveness = Session.Liveness()
    }

    /// Asks no questions from now on: what needs an answer fails.
    public mutating func askNobody() {
        prompter = RefusingPrompter()
    }

    /// Opens a session and logs in.
    ///
    /// - Parameters:
    ///   - address: whom to dial; root and port 22 where it doesn't say.
    /// - Throws: `ScoutError`: `unreachable`; `refused` for a host key that is not to be trusted and for a login that
    ///   is not permitted; `protocolViolation`; `noSource` for an identity that doesn't exist; `interrupted`.
    public func connect(to address: Address) async throws(ScoutError) -> Session {
        if let identity, access(identity, R_OK) != 0 {
            throw ScoutError(.noSource, "the identity \(identity): \(String(cString: strerror(errno)))")
        }
        onStep?(.dialling)
        let session = try await open(address)
        do {
            onStep?(.hostKey)
            try await judgeHostKey(of: session)
            onStep?(.login)
            try await logIn(session)
        } catch {
            await session.close()
            throw ScoutError(error, host: address.host, isLoggingIn: true)
        }
        return session
    }

    /// Opens a session, lends it, and closes it, whatever happened.
    ///
    /// - Parameters:
    ///   - address: whom to dial.
    ///   - body: works with the session.
    /// - Throws: as ``connect(to:)``, and what the body throws.
    public func withSession<Result: Sendable>(
        to address: Address, _ body: @Sendable (Session) async throws -> Result
    ) async throws -> Result {
        let session = try await connect(to: address)
        do {
            let result = try await body(session)
            await session.close()
            return result
        } catch {
            await session.close()
            throw error
        }
    }

    /// Whether the host that is known by one address answers at another one, where nobody logs in.
    ///
    /// - Parameters:
    ///   - address: by which its key is known.
    ///   - host: the address to dial.
    public func isKnown(_ address: Address, at host: String) async -> Bool {
        guard let session = try? await open(address, at: host) else { return false }
        let status = try? await session.hostKeyStatus()
        await session.close()
        if case .known = status { return true }
        return false
    }

    private func open(_ address: Address, at host: String? = nil) async throws(ScoutError) -> Session {
        let end = ContinuousClock.now + deadline
        let port = address.port ?? 22
        let socket = try await Thread.blocking { [deadline] in
            Result { () throws(ScoutError) in
                try Dial.tcp(host: host ?? address.host, port: port, deadline: deadline)
            }
        }.get()
        do {
            return try await Session.connect(
                socket: socket, host: address.host, port: port, user: address.user ?? "root", knownHosts: knownHosts,
                deadline: max(end - .now, .zero), liveness: liveness)
        } catch {
            throw ScoutError(error, host: address.host, isLoggingIn: false)
        }
    }

    private func logIn(_ session: Session) async throws {
        var credentials: [Credential] = []
        if let identity { credentials.append(.identity(path: identity)) }
        if let agentSocket { credentials.append(.agent(socket: agentSocket)) }
        credentials += defaultIdentities.filter { $0 != identity }.map { .identity(path: $0) }
        credentials += [.keyboardInteractive, .password]
        try await session.authenticate(with: credentials, deadline: deadline, prompter: prompter)
    }

    // MARK: Host key

    private func judgeHostKey(of session: Session) async throws {
        let key = try await session.hostKey()
        switch try await session.hostKeyStatus() {
        case .known:
            return
        case .unknown:
            try await acceptUnknown(key, of: session)
            try await session.rememberHostKey()
        case .changed(let known), .otherType(let known):
            throw changed(key, known, session)
        case .revoked(let revoked):
            throw ScoutError(
                .refused,
                "the key of \(session.host) is revoked (\(revoked.file) line \(revoked.line)): \(described(key))")
        }
    }

    private func acceptUnknown(_ key: HostKey, of session: Session) async throws {
        if let acceptedHostKey {
            guard acceptedHostKey == key.fingerprint else {
                throw ScoutError(
                    .refused, "\(session.host) has the key \(described(key)), and not the accepted \(acceptedHostKey)",
                    hint: "ask the owner who it is that answers at \(session.host)")
            }
            return
        }
        let subject = Question.Subject.hostKey(host: session.host, fingerprint: key.fingerprint)
        let text = """
            \(session.host) is not known here. Its key is
            \(described(key))
            Is it the right one (yes, no, or the fingerprint)? \

            """
        var answer = try await prompter.answer(Question(subject, text, isAnswerShown: true))
        for _ in 0..<3 where answer != nil && !["yes", "no", key.fingerprint].contains(answer) {
            answer = try await prompter.answer(
                Question(subject, "Please answer yes, no, or the fingerprint: ", isAnswerShown: true))
        }
        guard answer == "yes" || answer == key.fingerprint else {
            throw ScoutError(
                .refused, "the host key of \(session.host) is not known: \(described(key))",
                hint: "compare it with the scout's own and repeat with --accept-host-key \(key.fingerprint)")
        }
    }

    private func changed(_ key: HostKey, _ known: [KnownHostKey], _ session: Session) -> ScoutError {
        let name = session.port == 22 ? session.host : "[\(session.host)]:\(session.port)"
        let list = known.map { "\(described($0.key)) (\($0.file) line \($0.line))" }.joined(separator: ", ")
        let file = known.first?.file ?? knownHosts.own
        let remedy = ["ssh-keygen", "-R", name, "-f", file].map(RemoteCommand.quoted).joined(separator: " ")
        return ScoutError(
            .refused, "the key of \(session.host) has changed: it is \(described(key)), known is \(list)",
            hint: "if the scout was set up anew: \(remedy)")
    }

    private func described(_ key: HostKey) -> String { "\(key.type) \(key.fingerprint)" }
}
