import Core

/// Walks the way from the laptop to a port of the container, hop by hop, to the first that fails.
public struct Doctor: Sendable {
    /// The checks, in their order.
    static let checks: [Check] = [
        .vpnLink, .route, .host, .hostKey, .sshAuth, .toolkit, .listener, .forward, .endToEnd,
    ]

    private let subject: Subject
    private let scout: any ScoutQuestions
    private let network: any NetworkQuestions

    /// - Parameters:
    ///   - subject: the scout, with its target.
    ///   - scout: asks it.
    public init(_ subject: Subject, asking scout: LiveScout) {
        self.init(subject, asking: scout, LiveNetwork())
    }

    init(_ subject: Subject, asking scout: any ScoutQuestions, _ network: any NetworkQuestions) {
        self.subject = subject
        self.scout = scout
        self.network = network
    }

    /// - Parameter port: the port to prove; `nil` takes a free one.
    public func examine(_ port: UInt16?) async -> DoctorReport {
        var facts = Facts(subject, port, network, scout)
        var recorder = HopRecorder()
        await recorder.run(Self.checks, &facts)
        await facts.release()
        return recorder.report(
            port: facts.port, needed: [.endToEnd],
            success: "port \(facts.port.map { "\($0)" } ?? "-") works end to end", remark: facts.remark)
    }
}
