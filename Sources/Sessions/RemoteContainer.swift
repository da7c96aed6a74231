public import Core
import FoundationEssentials
import Platform
public import SSH

/// The container at the far end of a session: every verb is `scout … --json` there.
///
/// The container belongs to a machine that may be an attacker's. What it says is bounded, decoded strictly and compared
/// with what was asked (``RemoteChecks``); nothing of it decides where this machine dials or what it opens.
public struct RemoteContainer: Container {
    let session: Session
    let host: String
    private let reservedPorts: ClosedRange<UInt16>
    let remark: @Sendable (String) -> Void
    private let noiseIsTold = Latch()

    /// Nothing that these verbs do takes longer.
    private static let deadline = Duration.seconds(15)
    /// An export is rehearsed first.
    private static let serveDeadline = Duration.seconds(18)
    /// The agent answers at once, or its client gives up.
    private static let forwardsDeadline = Duration.seconds(8)
    /// A hash reads a whole disk.
    private static let hashDeadline = Duration.seconds(30 * 86400)
    private let hashSilence: Duration

    /// - Parameters:
    ///   - session: logged in.
    ///   - host: the address that was dialled, which the container itself doesn't know.
    ///   - reservedPorts: those that a service may be leased.
    ///   - hashSilence: how long the far end may say nothing while it hashes, which takes as long as the disk is large; 20 s by
    ///     default. It is asked for a sign of life four times as often, once a second at the most: 2.5 MiB of white space in 30 days, where 4 MiB are taken.
    ///   - remark: told what the user should know of the far end, once.
    public init(
        session: Session, host: String, reservedPorts: ClosedRange<UInt16>, hashSilence: Duration = .seconds(20),
        remark: @escaping @Sendable (String) -> Void
    ) {
        self.session = session
        self.host = host
        self.reservedPorts = reservedPorts
        self.hashSilence = hashSilence
        self.remark = remark
    }

    /// Whether the far end says in its banner that it is the host, and not the container.
    public var isHost: Bool {
        get async { await session.issueBanner?.contains("(host)") ?? false }
    }

    /// The toolkit there, and the shell that it is started by.
    public enum Toolkit: Sendable {
        /// It has this version. `noise` is what the account's shell printed before, where it did.
        case version(String, noise: String?)
        /// The account's shell ends, or waits, before it runs anything.
        case shellFails(ScoutError)
    }

    /// What answers there.
    ///
    /// - Throws: `ScoutError`: `unreachable` where there is no toolkit; `protocolViolation` where something else answers.
    public func toolkit() async throws(ScoutError) -> Toolkit {
        let command = try RemoteCommand(["scout", "--version"]).framed()
        let answer: CapturedOutput
        do throws(ScoutError) {
            answer = try await command.run(over: session, limit: AnswerBounds.bytes, deadline: .seconds(10))
        } catch {
            guard error.hint == RemoteCommand.shellRemedy else { throw error }
            return .shellFails(error)
        }
        guard let (noise, start) = command.beginning(in: answer.stdout) else {
            return .shellFails(shellEnded(answer.status, answer.stdout, answer.stderr))
        }
        if answer.status == .exited(127) { throw Self.missing(on: host) }
        let answered = answer.stdout[start...]
        let text = String(decoding: answered.prefix { $0 != 10 }.prefix(1000), as: UTF8.self)
        guard answer.status == .exited(0), answered.count > text.utf8.count, VersionReport.isVersion(text) else {
            throw ScoutError(
                .protocolViolation,
                "what answers to 'scout --version' in the container at \(host) is not scout: "
                    + (Self.lastLine(text) ?? Self.lastLine(answer.stderr) ?? "no word"),
                hint: Self.missing(on: host).hint)
        }
        return .version(text, noise: Self.lastLine(noise) ?? Self.lastLine(answered.dropFirst(text.utf8.count)))
    }

    /// The devices, as `scout evidence` there tells.
    public func evidence() async throws -> EvidenceReport {
        try await call(["evidence"])
    }

    /// The toolkit there, where the account's shell comes to it.
    public func version() async throws -> VersionReport {
        switch try await toolkit() {
        case .version(let version, _): return VersionReport(version: version)
        case .shellFails(let error): throw error
        }
    }

    /// An export there; its URI has the address that was dialled.
    public func serve(_ service: ServiceRequest) async throws -> LeaseReport {
        let request =
            switch service {
            case .nbd(let request): request
            }
        var words = ["serve", "nbd", "--tls", request.tls.rawValue]
        if let port = request.port { words += ["--port", "\(port)"] }
        if let name = request.name { words.append("--name=\(name)") }
        for network in request.allow ?? [] { words += ["--allow", network.description] }
        if let partition = request.partition { words += ["--partition", "\(partition)"] }
        if let offset = request.offsetBytes { words += ["--offset", "\(offset)"] }
        if let length = request.lengthBytes { words += ["--length", "\(length)"] }
        if let idle = request.idleTimeout { words += ["--idle-timeout", "\(idle.components.seconds)"] }
        if let clients = request.maxClients { words += ["--max-clients", "\(clients)"] }
        if request.writable { words.append("--writable") }
        if request.presharedKey != nil { words += ["--psk-file", "-"] }
        let lease: LeaseReport = try await call(
            words + ["--", request.source], input: request.presharedKey ?? "", deadline: Self.serveDeadline)
        try RemoteChecks.lease(lease, for: request, ports: reservedPorts)
        return seenFromHere(lease)
    }

    /// The ports, as `scout ports` there tells.
    public func ports() async throws -> PortsReport {
        var report: PortsReport = try await call(["ports"])
        try RemoteChecks.ports(report, reservedPorts)
        for index in report.ports.indices {
            guard let lease = report.ports[index].lease else { continue }
            report.ports[index].lease?.service = seenFromHere(lease.service)
        }
        return report
    }

    /// Ends services there.
    public func release(_ selection: ReleaseSelection) async throws -> ReleaseReport {
        let words =
            switch selection {
            case .port(let port): ["\(port)"]
            case .name(let name): ["--", name]
            case .all: ["--all"]
            }
        let report: ReleaseReport = try await call(["release"] + words)
        try RemoteChecks.release(report, of: selection, ports: reservedPorts)
        return report
    }

    /// What the host's agent tells the container.
    public func forwards() async throws -> ForwardsReport {
        try await call(["forwards", "--via", "agent"], deadline: Self.forwardsDeadline)
    }

    /// Hashes a source there.
    ///
    /// - Throws: `ScoutError`: `unreachable` where the far end shows no sign of life for too long.
    public func hash(_ source: String, algorithms: [HashAlgorithm]) async throws -> HashReport {
        let list = algorithms.map(\.rawValue).joined(separator: ",")
        let interval = max(hashSilence.components.seconds / 4, 1)
        let report: HashReport = try await call(
            ["hash", "--keep-alive", "\(interval)", "--hash", list, "--", source], deadline: Self.hashDeadline,
            silence: hashSilence)
        try RemoteChecks.hash(report, of: source, algorithms)
        return report
    }

    /// A lease with the URI that reaches it from here, made of what is known here.
    private func seenFromHere(_ lease: LeaseReport) -> LeaseReport {
        var lease = lease
        let user = lease.tls == .psk ? "scout" : nil
        lease.uri = Topology.exportURI(host: host, port: lease.port, name: lease.name, user: user)
        return lease
    }

    private func call<Answer: Report>(
        _ words: [String], input: String = "", deadline: Duration = Self.deadline, silence: Duration? = nil
    ) async throws(ScoutError) -> Answer {
        let command = try Self.command(words)
        let result = try await command.run(
            over: session, stdin: Array(input.utf8), limit: AnswerBounds.bytes, deadline: deadline,
            silence: silence)
        guard let (noise, start) = command.beginning(in: result.stdout) else {
            throw shellEnded(result.status, result.stdout, result.stderr)
        }
        let answer = Array(result.stdout[start...])
        if answer.isEmpty {
            if result.status == .exited(127) { throw Self.missing(on: host) }
            throw ScoutError(
                .protocolViolation,
                "scout in the container at \(host) ended without an answer, with status \(result.status.code): "
                    + (Self.lastLine(result.stderr) ?? "no word"),
                hint: "scout doctor")
        }
        var bounds = AnswerBounds()
        try bounds.scan(answer)
        guard let object = bounds.object else { throw Self.unfinished }
        tell(noise, answer[object.upperBound...])
        return try JSON.decode(Answer.self, from: Data(answer[object]), by: "the container")
    }

    static let unfinished = ScoutError(.protocolViolation, "the answer of the container ends in its middle")

    /// The words that run a verb there, behind a line that marks where its answer begins.
    static func command(_ words: [String]) throws(ScoutError) -> RemoteCommand {
        try RemoteCommand(["scout", "--json", "--target", "local"] + words).framed()
    }

    // MARK: The shell

    /// Says that the account's shell prints, once.
    func tell(_ noise: ArraySlice<UInt8>...) {
        guard let line = noise.lazy.compactMap({ Self.lastLine($0) }).first, noiseIsTold.close() else { return }
        remark("the login shell in the container at \(host) prints '\(line)' around each command; that was passed over")
    }

    /// The shell has never come to the command.
    func shellEnded(_ status: ExitStatus?, _ stdout: [UInt8], _ stderr: [UInt8]) -> ScoutError {
        let words = Self.lastLine(stderr) ?? Self.lastLine(stdout)
        return ScoutError(
            .protocolViolation,
            "the login shell in the container at \(host) ends before it runs a command"
                + (status.map { ", with status \($0.code)" } ?? "") + (words.map { "; it says '\($0)'" } ?? ""),
            hint: RemoteCommand.shellRemedy)
    }

    /// The last line that says anything, for a sentence.
    static func lastLine(_ bytes: some Sequence<UInt8>) -> String? {
        lastLine(String(decoding: Array(bytes).suffix(4096), as: UTF8.self))
    }

    static func lastLine(_ text: String) -> String? {
        let lines = text.split(whereSeparator: \.isNewline).filter { !$0.allSatisfy(\.isWhitespace) }
        return lines.last.map { Visible.field(String($0), limit: 200) }
    }

    /// There is no scout in the container.
    static func missing(on host: String) -> ScoutError {
        ScoutError(
            .unreachable, "scout is not installed in the container at \(host)",
            hint:
                "scp \"$(command -v scout)\" root@\(host.contains(":") ? "[\(host)]" : host):/usr/local/bin/ && ssh root@\(host) "
                + "apt-get install -y nbdkit libnbd0 libssh-4")
    }
}

extension Connector {
    /// Opens a session, lends the container at its far end, and closes it, whatever happened.
    ///
    /// - Parameters:
    ///   - address: whom to dial.
    ///   - reservedPorts: as in ``RemoteContainer/init(session:host:reservedPorts:remark:)``.
    ///   - remark: told what the user should know of the far end.
    ///   - body: works with the container.
    /// - Throws: as ``connect(to:)``, and what the body throws.
    public func withContainer<Result: Sendable>(
        at address: Address, reservedPorts: ClosedRange<UInt16>, remark: @escaping @Sendable (String) -> Void,
        _ body: @Sendable (RemoteContainer) async throws -> Result
    ) async throws -> Result {
        try await withSession(to: address) {
            try await body(
                RemoteContainer(session: $0, host: address.host, reservedPorts: reservedPorts, remark: remark))
        }
    }
}
