public import Core
import FoundationEssentials
public import SSH

/// The container at the far end of a session: every verb is `scout … --json` there.
public struct RemoteContainer: Container {
    let session: Session
    let host: String

    /// Nothing that a verb does takes longer, but for a hash.
    private static let deadline = Duration.seconds(60)
    /// A hash reads a whole disk.
    private static let hashDeadline = Duration.seconds(30 * 86400)

    /// - Parameters:
    ///   - session: logged in.
    ///   - host: the address that was dialled, which the container itself doesn't know.
    public init(session: Session, host: String) {
        self.session = session
        self.host = host
    }

    /// Whether the far end says in its banner that it is the host, and not the container.
    public var isHost: Bool {
        get async { await session.issueBanner?.contains("(host)") ?? false }
    }

    /// The version of the toolkit there.
    ///
    /// - Throws: `ScoutError`: `unreachable` where there is none.
    public func version() async throws(ScoutError) -> String {
        let answer = try await RemoteCommand(["scout", "--version"]).run(over: session, deadline: .seconds(10))
        if answer.status == .exited(127) { throw Self.missing(on: host) }
        return String(decoding: answer.stdout, as: UTF8.self).split(separator: "\n").first.map(String.init)
            ?? "no version"
    }

    /// The devices, as `scout evidence` there tells.
    public func evidence() async throws -> EvidenceReport {
        try await call(["evidence"])
    }

    /// An export there; its URI has the address that was dialled.
    public func serve(_ request: NBDRequest) async throws -> LeaseReport {
        var words = ["serve", "nbd", request.source, "--tls", request.tls.rawValue]
        if let port = request.port { words += ["--port", "\(port)"] }
        if let name = request.name { words += ["--name", name] }
        for network in request.allow ?? [] { words += ["--allow", network.description] }
        if let partition = request.partition { words += ["--partition", "\(partition)"] }
        if let offset = request.offsetBytes { words += ["--offset", "\(offset)"] }
        if let length = request.lengthBytes { words += ["--length", "\(length)"] }
        if let idle = request.idleTimeout { words += ["--idle-timeout", "\(idle.components.seconds)"] }
        if let clients = request.maxClients { words += ["--max-clients", "\(clients)"] }
        if request.writable { words.append("--writable") }
        if request.presharedKey != nil { words += ["--psk-file", "-"] }
        var lease: LeaseReport = try await call(words, input: request.presharedKey ?? "")
        let user = lease.uri.contains("@") ? "scout" : nil
        lease.uri = Topology.exportURI(host: host, port: lease.port, name: lease.name, user: user)
        return lease
    }

    /// The ports, as `scout ports` there tells.
    public func ports() async throws -> PortsReport {
        try await call(["ports"])
    }

    /// Ends services there.
    public func release(_ selection: ReleaseSelection) async throws -> ReleaseReport {
        switch selection {
        case .port(let port): try await call(["release", "\(port)"])
        case .name(let name): try await call(["release", "--", name])
        case .all: try await call(["release", "--all"])
        }
    }

    /// What the host's agent tells the container.
    public func forwards() async throws -> ForwardsReport {
        try await call(["forwards", "--via", "agent"])
    }

    /// Hashes a source there.
    public func hash(_ source: String, algorithms: [HashAlgorithm]) async throws -> HashReport {
        let list = algorithms.map(\.rawValue).joined(separator: ",")
        return try await call(["hash", source, "--hash", list], deadline: Self.hashDeadline)
    }

    private func call<Answer: Report>(
        _ words: [String], input: String = "", deadline: Duration = Self.deadline
    ) async throws(ScoutError) -> Answer {
        let command = try Self.command(words)
        let result = try await command.run(over: session, stdin: Array(input.utf8), deadline: deadline)
        if result.status == .exited(127) { throw Self.missing(on: host) }
        if result.stdout.isEmpty {
            let words = String(decoding: result.stderr, as: UTF8.self).split(separator: "\n").last ?? "no word"
            throw ScoutError(
                .protocolViolation, "scout in the container at \(host) ended with \(result.status): \(words)")
        }
        return try JSON.decode(Answer.self, from: Data(result.stdout))
    }

    /// The words that run a verb there.
    static func command(_ words: [String]) throws(ScoutError) -> RemoteCommand {
        try RemoteCommand(["scout", "--json", "--target", "local"] + words)
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
