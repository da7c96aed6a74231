public import Core
import Platform
public import SSH

/// The container at the far end of a session: every verb is a ``ContainerRequest`` to the toolkit there.
///
/// The container belongs to a machine that may be an attacker's. What it says passes one door (``AnswerReader``), where it is
/// bounded, decoded strictly and compared with what was asked; nothing of it decides where this machine dials or what it opens.
public struct RemoteContainer: Container {
    let session: Session
    let host: String
    let reservedPorts: ClosedRange<UInt16>
    private let remark: @Sendable (String) -> Void
    private let noiseIsTold = OnceFlag()
    private let hashSilence: Duration

    /// - Parameters:
    ///   - session: logged in.
    ///   - host: the address that was dialled, which the container itself doesn't know.
    ///   - reservedPorts: those that a service may be leased.
    ///   - hashSilence: how long the far end may say nothing while it hashes, which takes as long as the disk is large; 20 s by
    ///     default. It is asked for a sign of life four times as often, once a second at the most.
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
        /// It has this version. `noise` is what the account's shell printed around it, where it did.
        case version(String, noise: String?)
        /// The account's shell ends, or waits, before it runs anything.
        case shellFails(ScoutError)
    }

    /// What answers there.
    ///
    /// - Throws: `ScoutError`: `unreachable` where there is no toolkit; `protocolViolation` where something else answers, or one
    ///   of another version that can't be asked.
    public func toolkit() async throws(ScoutError) -> Toolkit {
        do {
            let (report, noise): (VersionReport, String?) = try await exchange(.version) { ($0, $1) }
            return .version(report.version, noise: noise)
        } catch {
            let error = ScoutError(error, session: session)
            guard error.hint == RemoteCommand.shellRemedy else { throw error }
            return .shellFails(error)
        }
    }

    /// The toolkit there.
    public func version() async throws -> VersionReport { try await ask(.version) }

    /// The devices there.
    public func evidence() async throws -> EvidenceReport { try await ask(.evidence) }

    /// A service there; its URI has the address that was dialled.
    public func serve(_ service: ServiceRequest) async throws -> LeaseReport {
        seenFromHere(try await ask(.serve(service)))
    }

    /// The ports, as `scout ports` there tells.
    public func ports() async throws -> PortsReport {
        var report: PortsReport = try await ask(.ports)
        for index in report.ports.indices {
            guard let lease = report.ports[index].lease else { continue }
            report.ports[index].lease?.service = seenFromHere(lease.service)
        }
        return report
    }

    /// Ends services there.
    public func release(_ selection: ReleaseSelection) async throws -> ReleaseReport {
        try await ask(.release(selection))
    }

    /// What the host's agent tells the container.
    public func forwards() async throws -> ForwardsReport { try await ask(.forwards) }

    /// Hashes a source there.
    ///
    /// - Throws: `ScoutError`: `unreachable` where the far end shows no sign of life for too long.
    public func hash(_ source: String, algorithms: [HashAlgorithm]) async throws -> HashReport {
        try await ask(.hash(source: source, algorithms: algorithms), silence: hashSilence)
    }

    /// Has the container listen on ports that nobody holds, for as long as the body runs.
    ///
    /// - Throws: `ScoutError`: `unreachable` where it does not answer within 10 s, and what the body throws.
    public func withProbe<Result: Sendable>(
        _ ports: [UInt16], nonce: String, _ body: @Sendable (ProbeReport) async throws -> Result
    ) async throws -> Result {
        try await exchange(.probe(ports: ports, nonce: nonce), holds: true) { (report: ProbeReport, _) in
            try await body(report)
        }
    }

    /// A lease with the URI that reaches it from here, made of what is known here.
    private func seenFromHere(_ lease: LeaseReport) -> LeaseReport {
        var lease = lease
        let user = lease.tls == .psk ? "scout" : nil
        lease.uri = Topology.exportURI(host: host, port: lease.port, name: lease.name, user: user)
        return lease
    }

    private func ask<Answer: Report>(_ request: ContainerRequest, silence: Duration? = nil) async throws -> Answer {
        try await exchange(request, silence: silence) { answer, _ in answer }
    }

    // MARK: The shell

    /// Says that the account's shell prints, once.
    func tell(_ noise: String) {
        guard noiseIsTold.take() else { return }
        remark(
            "the login shell in the container at \(host) prints '\(noise)' around each command; that was passed over")
    }
}

extension Connector {
    /// Opens a session, lends the container at its far end, and closes it, whatever happened.
    ///
    /// - Parameters:
    ///   - address: whom to dial.
    ///   - reservedPorts: as in ``RemoteContainer/init(session:host:reservedPorts:hashSilence:remark:)``.
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
