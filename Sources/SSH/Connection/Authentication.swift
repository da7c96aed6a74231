import CLibSSH
import Glibc

/// A means of authentication, in the order the caller wants them tried.
public enum Credential: Hashable, Sendable {
    /// The keys of the agent that listens on a Unix socket, for example that of `SSH_AUTH_SOCK`.
    case agent(socket: String)
    /// A private key's file. A missing file is passed over.
    case identity(path: String)
    /// Questions that the server asks (RFC 4256).
    case keyboardInteractive
    /// The account's password.
    case password
}

extension Session {
    /// Proves to the peer who we are. Ask ``hostKeyStatus()`` first: a password goes to whoever answers.
    ///
    /// - Parameters:
    ///   - credentials: tried in this order, each where the server takes its method, until the server is content.
    ///   - deadline: how long the peer may take for each answer.
    ///   - loginDeadline: how long it may take in all; 30 s by default. Time in which a person thinks or types doesn't
    ///     count, nor does time in which this process is stopped.
    ///   - agentDeadline: how long the agent may take in all, which may itself ask its user to confirm.
    ///   - prompter: answers for passphrases, passwords and the server's own questions.
    /// - Throws: `SSHError`: `denied` when no credential is left, with the methods that the server offers and what
    ///   became of each credential; `disconnected`, where the server has had enough; `deadline`; `linkLost`;
    ///   whatever the prompter throws; `CancellationError`.
    ///
    /// The C functions are those of `ssh_userauth_`; the protocol is RFC 4252.
    public func authenticate(
        with credentials: [Credential], deadline: Duration, loginDeadline: Duration = .seconds(30),
        agentDeadline: Duration = .seconds(60), prompter: any Prompter
    ) async throws {
        let attempt = Attempt(
            deadline: deadline, loginDeadline: loginDeadline, end: loop.awake() + loginDeadline,
            agentDeadline: agentDeadline, prompter: prompter)
        var isDone = try await ask(attempt) { ssh_userauth_none($0, nil) } == SSH_AUTH_SUCCESS
        for credential in credentials where !isDone {
            // Asked each time: after a partial success the server wants something else.
            let offered = CInt(truncatingIfNeeded: ssh_userauth_list(try connection.live(Attempt.operation), nil))
            guard UInt32(bitPattern: offered) & credential.method != 0 else { continue }
            isDone = try await present(credential, attempt)
        }
        guard isDone else {
            let offered = methodNames(ssh_userauth_list(try connection.live(Attempt.operation), nil))
            let tried = attempt.outcomes.isEmpty ? "nothing to offer" : attempt.outcomes.joined(separator: ", ")
            throw SSHError(
                .denied, Attempt.operation, code: CInt(SSH_REQUEST_DENIED.rawValue),
                "\(user) was refused; the server takes \(offered.joined(separator: ", ")); tried: \(tried)",
                offeredMethods: offered)
        }
        loop.isAuthenticated = true
    }

    private func present(_ credential: Credential, _ attempt: Attempt) async throws -> Bool {
        let outcome: Outcome
        switch credential {
        case .agent(let socket): outcome = try await presentAgent(socket, attempt)
        case .identity(let path): outcome = try await presentIdentity(path, attempt)
        case .keyboardInteractive: outcome = try await answerQuestions(attempt)
        case .password: outcome = try await presentPassword(attempt)
        }
        attempt.outcomes.append("\(credential.description) (\(outcome.description))")
        return outcome == .accepted
    }

    /// One exchange with the server. Only what the server says is an answer; a failed call throws.
    private func ask(_ attempt: Attempt, _ call: (ssh_session) -> CInt) async throws -> ssh_auth_e {
        let again = CInt(SSH_AUTH_AGAIN.rawValue)
        let left = attempt.end - loop.awake()
        let tooLong = SSHError(
            .deadline, Attempt.operation,
            "it did not come to an end within \(SSHError.seconds(attempt.loginDeadline)) s")
        guard left > .zero else { throw tooLong }
        do {
            let patience = min(left, attempt.deadline)
            return ssh_auth_e(
                rawValue: try await loop.complete(Attempt.operation, within: patience, again: again, call))
        } catch let error as SSHError where error.kind == .deadline && left < attempt.deadline {
            throw tooLong
        }
    }

    /// Asks the person, whose time is not the peer's.
    private func ask(_ question: Question, _ attempt: Attempt) async throws -> String? {
        let asked = loop.awake()
        defer { attempt.end += loop.awake() - asked }
        return try await attempt.prompter.answer(question)
    }

    // MARK: Keys

    private func presentAgent(_ path: String, _ attempt: Attempt) async throws -> Outcome {
        let agent: CInt
        do { agent = try connectUnix(path) } catch { return .skipped(error.message) }
        // libssh talks to the agent in blocking mode on this thread. When the time is over the socket is shut down
        // under it, through a descriptor of our own, and libssh takes that for an agent that hung up.
        let watchdog = fcntl(agent, F_DUPFD_CLOEXEC, 0)
        guard watchdog >= 0, ssh_set_agent_socket(try connection.live(Attempt.operation), agent) == SSH_OK else {
            Glibc.close(agent)
            return .skipped("unusable")
        }
        let timer = Task.detached { [patience = attempt.agentDeadline] in
            try? await Task.sleep(for: patience)
            if !Task.isCancelled { shutdown(watchdog, CInt(SHUT_RDWR)) }
            Glibc.close(watchdog)
        }
        defer { timer.cancel() }
        do {
            return Outcome(try await ask(attempt) { ssh_userauth_agent($0, nil) })
        } catch let error as SSHError where connection.failure == nil && error.kind != .deadline {
            return .skipped("the agent failed")
        }
    }

    private func presentIdentity(_ path: String, _ attempt: Attempt) async throws -> Outcome {
        guard access(path, F_OK) == 0 else { return .skipped("no such file") }
        guard access(path, R_OK) == 0 else { return .skipped(String(cString: strerror(errno))) }
        var key = privateKey(path, passphrase: nil)
        // Nobody is asked for the passphrase of a key that the server doesn't take.
        if case .needsPassphrase = key, let half = publicKey(of: path) {
            defer { ssh_key_free(half) }
            let answer = try await ask(attempt) { ssh_userauth_try_publickey($0, nil, half) }
            guard answer == SSH_AUTH_SUCCESS else { return Outcome(answer) }
        }
        for _ in 0..<Attempt.tries {
            guard case .needsPassphrase = key else { break }
            let question = Question(
                .passphrase(identity: path), "Passphrase for \(path): ", isAnswerShown: false)
            guard let passphrase = try await ask(question, attempt) else {
                return .skipped("no passphrase")
            }
            key = privateKey(path, passphrase: passphrase)
        }
        switch key {
        case .needsPassphrase: return .skipped("wrong passphrase")
        case .unreadable: return .skipped("not a private key")
        case .key(let key):
            defer { ssh_key_free(key) }
            return Outcome(try await ask(attempt) { ssh_userauth_publickey($0, nil, key) })
        }
    }

    // MARK: Questions

    private func presentPassword(_ attempt: Attempt) async throws -> Outcome {
        var outcome = Outcome.refused
        for _ in 0..<Attempt.tries where outcome == .refused {
            let question = Question(
                .password(user: user, host: host), "Password for \(user)@\(host): ", isAnswerShown: false)
            guard let password = try await ask(question, attempt) else {
                return .skipped("no password")
            }
            outcome = Outcome(try await ask(attempt) { ssh_userauth_password($0, nil, password) })
        }
        return outcome
    }

    private func answerQuestions(_ attempt: Attempt) async throws -> Outcome {
        var outcome = Outcome.refused
        for _ in 0..<Attempt.tries where outcome == .refused {
            var answer = try await ask(attempt) { ssh_userauth_kbdint($0, nil, nil) }
            // A server may ask as often as it likes; nobody answers for ever.
            var rounds = 0
            while answer == SSH_AUTH_INFO {
                rounds += 1
                guard rounds <= Attempt.rounds else { return .skipped("it asks without end") }
                guard try await answerRound(attempt) else { return .skipped("no answer") }
                answer = try await ask(attempt) { ssh_userauth_kbdint($0, nil, nil) }
            }
            outcome = Outcome(answer)
        }
        return outcome
    }

    private func answerRound(_ attempt: Attempt) async throws -> Bool {
        let handle = try connection.live(Attempt.operation)
        let heading = [ssh_userauth_kbdint_getname(handle), ssh_userauth_kbdint_getinstruction(handle)]
            .compactMap { $0.map { String(cString: $0) } }.filter { !$0.isEmpty }.map { told($0) + "\n" }.joined()
        for index in 0..<UInt32(max(ssh_userauth_kbdint_getnprompts(handle), 0)) {
            let handle = try connection.live(Attempt.operation)
            var echo: CChar = 0
            let words = ssh_userauth_kbdint_getprompt(handle, index, &echo).map { String(cString: $0) } ?? ""
            let question = Question(
                .challenge(host: host), (index == 0 ? heading : "") + told(words), isAnswerShown: echo != 0)
            guard let answer = try await ask(question, attempt) else { return false }
            ssh_userauth_kbdint_setanswer(try connection.live(Attempt.operation), index, answer)
        }
        return true
    }

    /// The server's words, each line marked as such, so that none passes for a question of ours (RFC 4256, section 3.2).
    nonisolated func told(_ text: String) -> String {
        text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
            .map { "(\(user)@\(host)) \($0)" }.joined(separator: "\n")
    }

    private func methodNames(_ methods: CInt) -> [String] {
        let names: [(UInt32, String)] = [
            (SSH_AUTH_METHOD_PUBLICKEY, "publickey"), (SSH_AUTH_METHOD_PASSWORD, "password"),
            (SSH_AUTH_METHOD_INTERACTIVE, "keyboard-interactive"), (SSH_AUTH_METHOD_HOSTBASED, "hostbased"),
            (SSH_AUTH_METHOD_GSSAPI_MIC, "gssapi-with-mic"),
        ]
        return names.filter { UInt32(bitPattern: methods) & $0.0 != 0 }.map { $0.1 }
    }
}

/// What holds for one ``Session/authenticate(with:deadline:loginDeadline:agentDeadline:prompter:)``; stays in the actor.
private final class Attempt {
    static let operation = "authentication"
    /// How often a passphrase or password is asked for, as OpenSSH does.
    static let tries = 3
    /// How many rounds of questions a server gets answered.
    static let rounds = 100

    let deadline: Duration
    let loginDeadline: Duration
    /// When the peer's time is over, on the clock of ``EventLoop/awake()``.
    var end: Duration
    let agentDeadline: Duration
    let prompter: any Prompter
    var outcomes: [String] = []

    init(
        deadline: Duration, loginDeadline: Duration, end: Duration, agentDeadline: Duration,
        prompter: any Prompter
    ) {
        self.deadline = deadline
        self.loginDeadline = loginDeadline
        self.end = end
        self.agentDeadline = agentDeadline
        self.prompter = prompter
    }
}

/// What became of a credential.
private enum Outcome: Equatable {
    case accepted
    case partial
    case refused
    case skipped(String)

    init(_ answer: ssh_auth_e) {
        switch answer {
        case SSH_AUTH_SUCCESS: self = .accepted
        case SSH_AUTH_PARTIAL: self = .partial
        default: self = .refused
        }
    }

    var description: String {
        switch self {
        case .accepted: "accepted"
        case .partial: "accepted, but not enough"
        case .refused: "refused"
        case .skipped(let reason): reason
        }
    }
}

extension Credential {
    fileprivate var method: UInt32 {
        switch self {
        case .agent, .identity: SSH_AUTH_METHOD_PUBLICKEY
        case .keyboardInteractive: SSH_AUTH_METHOD_INTERACTIVE
        case .password: SSH_AUTH_METHOD_PASSWORD
        }
    }

    fileprivate var description: String {
        switch self {
        case .agent: "agent"
        case .identity(let path): path
        case .keyboardInteractive: "keyboard-interactive"
        case .password: "password"
        }
    }
}
