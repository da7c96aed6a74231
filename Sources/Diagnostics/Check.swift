import Core
import Host

/// One thing to look at on the way to a port: a value with a name, what it needs, and how it is done.
///
/// A new check is a `static let` beside the others, and its place in ``Doctor/checks`` or ``ContainerDoctor/checks``.
struct Check: Sendable {
    /// The hop that it judges.
    let hop: DoctorReport.HopID
    /// The hops that it makes no sense without.
    let needs: [DoctorReport.HopID]
    /// How long it may take; `nil` where its questions have deadlines of their own, or a person is asked.
    let deadline: Duration?
    /// Asks, and judges the answers.
    ///
    /// - Throws: `HopFailure`, or the `ScoutError` of a question, where the hop fails.
    let run: @Sendable (inout Facts) async throws -> Finding

    init(
        _ hop: DoctorReport.HopID, needs: [DoctorReport.HopID] = [], deadline: Duration? = .seconds(15),
        run: @escaping @Sendable (inout Facts) async throws -> Finding
    ) {
        self.hop = hop
        self.needs = needs
        self.deadline = deadline
        self.run = run
    }
}

/// What was found at a hop that does not fail.
enum Finding: Sendable {
    /// It is as it should be, and how that shows.
    case proven(String)
    /// Nothing speaks against it, and nothing proves it; with what to do next.
    case notKnown(String, next: Advice? = nil)
}

/// Who can do something about it.
enum ResponsibleParty: String, Sendable {
    case expert
    case owner
}

/// What to do next, and who can.
struct Advice: Sendable {
    let party: ResponsibleParty
    let step: String

    init(_ party: ResponsibleParty, _ step: String) {
        self.party = party
        self.step = step
    }

    /// `owner: start sshd in the container`.
    var text: String { "\(party.rawValue): \(step)" }
}

/// Why a hop fails, and what to do.
struct HopFailure: Error {
    let cause: String
    let advice: Advice

    /// - Parameters:
    ///   - cause: one sentence without a final full stop.
    ///   - party: who can do something.
    ///   - step: what.
    init(_ cause: String, _ party: ResponsibleParty, _ step: String) {
        self.cause = cause
        advice = Advice(party, step)
    }

    init(_ error: ScoutError, _ party: ResponsibleParty = .expert) {
        self.init(error.message, party, error.hint ?? "repeat it with --verbose")
    }
}

/// Whom an examination asks, and what its checks have found so far.
struct Facts: Sendable {
    let subject: Subject
    let network: any NetworkQuestions
    let scout: any ScoutQuestions
    /// The port that was asked for; `nil` takes a free one.
    let wanted: UInt16?

    /// The VPN's interface here, where the scout is reached by it.
    var vpnInterface: String?
    /// The session, open or not.
    var opening: SessionOpening?
    /// The container, once it is reached.
    var container: (any Container)?
    /// What the container says is on the port.
    var row: ProbeReport.Row?
    /// What callers of the port read.
    var nonce = PortReachability.nonce()
    /// The container's probe, which ends when it is given back.
    var probe: Loan<ProbeReport>?
    /// What the host's agent says.
    var agentsAnswer: Result<ForwardsReport, ScoutError>?
    /// What a connection to the port has shown already.
    var proof: Result<Finding, HopFailure>?
    /// Something that breaks nothing, for the verdict.
    var remark: (text: String, advice: Advice)?
    /// How long the check took, where it knows that better than who runs it.
    var took: Duration?

    init(_ subject: Subject, _ wanted: UInt16?, _ network: any NetworkQuestions, _ scout: any ScoutQuestions) {
        self.subject = subject
        self.wanted = wanted
        self.network = network
        self.scout = scout
    }

    var topology: Topology { subject.topology }
    var host: String { subject.host }
    /// The port in question.
    var port: UInt16? { row?.port ?? wanted }

    /// The container, which the checks before have reached.
    func reached() throws(HopFailure) -> any Container {
        guard let container else { throw HopFailure("the container was not reached", .expert, "try again") }
        return container
    }

    /// What the host's agent says, asked once.
    mutating func askAgent() async -> Result<ForwardsReport, ScoutError> {
        if let agentsAnswer { return agentsAnswer }
        let answer: Result<ForwardsReport, ScoutError>
        do {
            answer = .success(try await reached().forwards())
        } catch {
            answer = .failure(ScoutError.known(error) ?? ScoutError(.failed, "\(error)"))
        }
        agentsAnswer = answer
        return answer
    }

    /// Ends what is held of the container.
    func release() async {
        await probe?.giveBack()
        if case .open(let session) = opening?.outcome { await session.close() }
    }
}
