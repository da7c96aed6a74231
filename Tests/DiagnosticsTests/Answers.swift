import Core
import FoundationEssentials
import Host
import Platform
import Sessions
import Synchronization

@testable import Diagnostics

/// A laptop, a network and a scout that exist as answers only. All is well until something is changed.
struct Answers {
    var network = NetworkAnswers()
    var scout = ScoutAnswers()

    /// An expert who has asked for nothing else.
    static let subject = Subject(
        target: Address("10.1.0.2").map { Target(name: "10.1.0.2", address: $0) }, topology: .documented,
        configuration: nobody)

    /// The container itself.
    static let inside = Subject(target: nil, topology: .documented, configuration: nobody)

    static let nobody: Configuration = {
        do { return try Configuration.load("/nonexistent/config.toml") } catch { fatalError("\(error)") }
    }()

    func doctor(_ subject: Subject = Answers.subject) -> Doctor { Doctor(subject, asking: scout, network) }

    func containerDoctor() -> ContainerDoctor { ContainerDoctor(Answers.inside, asking: scout, network) }

    static func silent(_ port: UInt16) -> ScoutError {
        ScoutError(.unreachable, "10.1.0.2 port \(port) did not answer within 5 s")
    }
}

/// What this machine and the network answer.
struct NetworkAnswers: NetworkQuestions {
    /// What a port says to callers.
    enum Voice: Sendable {
        /// The container's nonce, as the port that was dialled or another one.
        case nonce(as: UInt16? = nil)
        case bytes([UInt8])
        case nobody(ScoutError)
    }

    var addresses = [("lo", "127.0.0.1"), ("eth0", "203.0.113.5"), ("tap0", "10.1.0.3")].compactMap { name, text in
        IPAddress(text).map { NetworkInterface(name: name, address: $0) }
    }
    /// The name of the interface that packets leave by.
    var way: String? = "tap0"
    var fault: String?
    var neighbour: Bool? = true
    var silence: String?
    var pings: Bool? = true
    var banner: Result<String, ScoutError> = .success("SSH-2.0-OpenSSH_9.2p1\r\n")
    var voice = Voice.nonce()
    /// The nonce of the last probe.
    let nonce = Probed()

    final class Probed: Sendable {
        let value = Mutex("")
    }

    func interfaces() -> [NetworkInterface] { addresses }
    func interface(towards address: IPAddress) -> NetworkInterface? { addresses.first { $0.name == way } }
    func fault(of interface: String) -> String? { fault }
    func neighbourAnswers(_ address: IPAddress) -> Bool? { neighbour }
    func vpnSilence(on interface: String) async -> String? { silence }
    func answersPing(_ address: IPAddress) async -> Bool? { pings }

    func sshBanner(
        host: String, port: UInt16, deadline: Duration
    ) async throws(ScoutError) -> SSHIdentification {
        SSHIdentification(Array(try banner.get().utf8))
    }

    func read(
        host: String, port: UInt16, deadline: Duration, until isComplete: @escaping @Sendable ([UInt8]) -> Bool
    ) async throws(ScoutError) -> [UInt8] {
        switch voice {
        case .nonce(let other):
            return Array(ProbeReport.greeting(nonce: nonce.value.withLock { $0 }, port: other ?? port).utf8)
        case .bytes(let bytes): return bytes
        case .nobody(let error): throw error
        }
    }
}

/// What the scout answers.
struct ScoutAnswers: ScoutQuestions {
    var container = ContainerAnswers()
    /// The step that fails.
    var failure: (step: Connector.Step, error: ScoutError)?
    var isHost = false
    var toolkit: Result<RemoteContainer.Toolkit, ScoutError> = .success(.version("1.2.3", noise: nil))
    /// Where else the scout's host key is found.
    var elsewhere: String?
    var listing: Result<HostListing, ScoutError> = .failure(
        ScoutError(.unreachable, "10.1.0.2 port 23 refused the connection: nothing listens there"))
    /// How many sessions are open.
    let open = Count()

    func withContainer<Result: Sendable>(
        _ body: @Sendable (any Container) async throws -> Result
    ) async throws -> Result {
        if let failure { throw failure.error }
        return try await body(container)
    }

    func openSession() async -> SessionOpening {
        if let failure { return SessionOpening(outcome: .failed(failure.step, failure.error)) }
        open.add(1)
        let (toolkit, open) = (toolkit, open)
        return SessionOpening(
            outcome: .open(
                OpenSession(
                    container: container, isHost: isHost, toolkit: { try toolkit.get() }, close: { open.add(-1) })),
            connecting: .milliseconds(40), login: .milliseconds(20))
    }

    func answers(at host: String) async -> Bool { host == elsewhere }

    func hostListing(asks: Bool, deadline: Duration) async throws -> HostListing { try listing.get() }
}

/// What the container answers to the verbs that the diagnostics use.
struct ContainerAnswers: Container {
    var forwardsAnswer: Result<ForwardsReport, ScoutError> = .success(ContainerAnswers.documented)
    /// The firewall of the document, evaluated once.
    private static let documented = Rules().report(.agent)
    var evidenceAnswer: Result<EvidenceReport, ScoutError> = .success(EvidenceReport(devices: []))
    /// What the container says is on each port.
    var row: @Sendable (UInt16) -> ProbeReport.Row? = { ProbeReport.Row(port: $0, state: .probing) }
    var probeFailure: ScoutError?
    /// Is told the nonce of each probe.
    var probed: NetworkAnswers.Probed?
    /// How many probes listen.
    let probes = Count()

    func withProbe<Result: Sendable>(
        _ ports: [UInt16], nonce: String, _ body: @Sendable (ProbeReport) async throws -> Result
    ) async throws -> Result {
        if let probeFailure { throw probeFailure }
        probed?.value.withLock { $0 = nonce }
        probes.add(1)
        defer { probes.add(-1) }
        return try await body(ProbeReport(ports: ports.compactMap(row)))
    }

    func forwards() async throws -> ForwardsReport { try forwardsAnswer.get() }
    func version() async throws -> VersionReport { VersionReport(version: "1.2.3") }
    func evidence() async throws -> EvidenceReport { try evidenceAnswer.get() }
    func ports() async throws -> PortsReport { PortsReport(container: "10.0.3.2", ports: []) }
    func serve(_ request: ServiceRequest) async throws -> LeaseReport { throw unasked }
    func release(_ selection: ReleaseSelection) async throws -> ReleaseReport { throw unasked }
    func hash(_ source: String, algorithms: [HashAlgorithm]) async throws -> HashReport { throw unasked }

    private var unasked: ScoutError { ScoutError(.failed, "nobody asks that here") }
}

/// A number that many may change.
final class Count: Sendable {
    private let state = Mutex((now: 0, ever: 0))
    var now: Int { state.withLock { $0.now } }
    var ever: Int { state.withLock { $0.ever } }
    func add(_ step: Int) {
        state.withLock {
            $0.now += step
            $0.ever += max(step, 0)
        }
    }
}

extension Answers {
    /// All is well, and the network knows the nonce that the container was given.
    static var well: Answers {
        var answers = Answers()
        answers.scout.container.probed = answers.network.nonce
        return answers
    }
}
