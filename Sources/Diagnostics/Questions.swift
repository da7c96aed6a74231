import Core
import Host
import Platform
import Sessions

/// What the diagnostics ask this machine and the network. ``LiveNetwork`` asks the real ones.
protocol NetworkQuestions: Sendable {
    /// This machine's addresses.
    func interfaces() -> [NetworkInterface]
    /// The interface and the source address that packets for an address would have; `nil` is no route.
    func interface(towards address: IPAddress) -> NetworkInterface?
    /// What is wrong with an interface; `nil` is nothing.
    func fault(of interface: String) -> String?
    /// Whether the machine with an address has told its hardware address; `nil` where that is not to be known.
    func neighbourAnswers(_ address: IPAddress) -> Bool?
    /// Why a VPN's interface hears nothing of its peer; `nil` is nothing, or not known.
    func vpnSilence(on interface: String) async -> String?
    /// Whether an address answers to ICMP echo; `nil` where this process may not ask.
    func answersPing(_ address: IPAddress) async -> Bool?
    /// What an SSH server says in its identification, and the lines before it.
    ///
    /// - Throws: `ScoutError` where there is no connection.
    func sshBanner(
        host: String, port: UInt16, deadline: Duration
    ) async throws(ScoutError) -> SSHIdentification
    /// What a TCP service says first, up to the deadline, its end, or where enough is read.
    ///
    /// - Throws: `ScoutError` where there is no connection.
    func read(
        host: String, port: UInt16, deadline: Duration, until isComplete: @escaping @Sendable ([UInt8]) -> Bool
    ) async throws(ScoutError) -> [UInt8]
}

/// What the diagnostics ask the scout. ``LiveScout`` asks the real one.
protocol ScoutQuestions: Sendable {
    /// Lends the container, for as long as the body runs.
    ///
    /// - Throws: `ScoutError` where it can't be reached, and what the body throws.
    func withContainer<Result: Sendable>(
        _ body: @Sendable (any Container) async throws -> Result
    ) async throws -> Result
    /// Opens a session with the container, step by step.
    func openSession() async -> SessionOpening
    /// Whether the scout, as its host key is known, answers at another address, where nobody logs in.
    func answers(at host: String) async -> Bool
    /// What the host says of itself, over its own sshd.
    ///
    /// - Parameters:
    ///   - asks: whether the person at the terminal may be asked for a password or about the host's key.
    ///   - deadline: for each step until it runs.
    /// - Throws: `ScoutError` where it does not let anybody in, or prints what is no listing.
    func hostListing(asks: Bool, deadline: Duration) async throws -> HostListing
}

/// How far a session was opened.
struct SessionOpening: Sendable {
    /// What came of it.
    enum Outcome: Sendable {
        /// It is open.
        case open(OpenSession)
        /// One step failed.
        case failed(Connector.Step, ScoutError)
    }

    /// What came of it.
    var outcome: Outcome
    /// How long the connection took, up to the judgement of the host's key.
    var connecting = Duration.zero
    /// How long the login took.
    var login = Duration.zero
}

/// A session with the container.
struct OpenSession: Sendable {
    /// The container.
    let container: any Container
    /// Whether the far end says in its banner that it is the host, and not the container.
    let isHost: Bool
    /// Asks which toolkit is there.
    let toolkit: @Sendable () async throws -> RemoteContainer.Toolkit
    /// Ends the session.
    let close: @Sendable () async -> Void
}
