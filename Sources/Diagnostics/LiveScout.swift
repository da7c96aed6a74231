public import Core
import Host
import Platform
public import Sessions
import Synchronization

/// Lends the container that a command works on: on this machine, or at the far end of a session.
public protocol ContainerOpener: Sendable {
    /// - Throws: `ScoutError` where it can't be reached, and what the body throws.
    func withContainer<Result: Sendable>(
        _ body: @Sendable (any Container) async throws -> Result
    ) async throws -> Result
}

/// The scout as it is, over SSH.
public struct LiveScout: ScoutQuestions {
    private let subject: Subject
    private let connector: Connector
    private let opener: any ContainerOpener

    /// - Parameters:
    ///   - subject: which scout.
    ///   - connector: opens sessions: with the target, or from the container with its host.
    ///   - opener: lends the container.
    public init(_ subject: Subject, connector: Connector, opener: any ContainerOpener) {
        self.subject = subject
        self.connector = connector
        self.opener = opener
    }

    func withContainer<Result: Sendable>(
        _ body: @Sendable (any Container) async throws -> Result
    ) async throws -> Result {
        try await opener.withContainer(body)
    }

    /// Where the container's sshd answers.
    private var address: Address? {
        var address = subject.target?.address
        address?.port = subject.sshPort
        return address
    }

    func openSession() async -> SessionOpening {
        guard let address else {
            return SessionOpening(
                outcome: .failed(
                    .dialling, ScoutError(.usage, "this is the container itself", hint: "run it on the laptop")))
        }
        let start = ContinuousClock.now
        let begun = Mutex((step: Connector.Step.dialling, login: ContinuousClock.Instant?.none))
        var connector = connector
        connector.onStep = { step in
            begun.withLock { $0 = (step, step == .login ? .now : nil) }
        }
        let outcome: SessionOpening.Outcome
        do {
            let ports = subject.topology.reservedPorts
            let loan = try await Loan<RemoteContainer>.take { [connector] hold in
                try await connector.withContainer(at: address, reservedPorts: ports, remark: { _ in }, hold)
            }
            let container = loan.value
            outcome = .open(
                OpenSession(
                    container: container, isHost: await container.isHost, toolkit: { try await container.toolkit() },
                    close: { await loan.giveBack() }))
        } catch {
            let known = ScoutError.known(error) ?? ScoutError(.interrupted, "interrupted")
            outcome = .failed(begun.withLock { $0.step }, known)
        }
        let login = begun.withLock { $0.login }
        return SessionOpening(
            outcome: outcome, connecting: (login ?? .now) - start, login: login.map { .now - $0 } ?? .zero)
    }

    func answers(at host: String) async -> Bool {
        guard let address else { return false }
        var connector = connector
        connector.deadline = .seconds(2)
        connector.askNobody()
        return await connector.isKnown(address, at: host)
    }

    func hostListing(asks: Bool, deadline: Duration) async throws -> HostListing {
        var connector = connector
        connector.deadline = deadline
        if !asks { connector.askNobody() }
        guard var address = subject.target?.address ?? Address(subject.topology.hostContainerAddress) else {
            throw ScoutError(.usage, "the topology has no address of the host")
        }
        address.port = subject.topology.hostControlPort
        address.user = address.user ?? "root"
        let command = try RemoteCommand(["sh", "-c", HostListing.script])
        return try HostListing(
            try await connector.withSession(to: address) {
                try await command.output(over: $0, deadline: .seconds(15))
            })
    }
}
