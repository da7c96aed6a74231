import Core

/// What ``Doctor`` can check from inside the container: all but the way from outside.
public struct ContainerDoctor: Sendable {
    /// The checks, in their order.
    static let checks: [Check] = [
        .hostsLink, .routeToHost, .neighbouringHost, .ownHostKey, .ownSSHServer, .ownToolkit, .ownListener,
        .forwardByAgent,
    ]

    private let subject: Subject
    private let scout: any ScoutQuestions
    private let network: any NetworkQuestions

    /// - Parameters:
    ///   - subject: this container.
    ///   - scout: asks it.
    public init(_ subject: Subject, asking scout: LiveScout) {
        self.init(subject, asking: scout, LiveNetwork())
    }

    init(_ subject: Subject, asking scout: any ScoutQuestions, _ network: any NetworkQuestions) {
        self.subject = subject
        self.scout = scout
        self.network = network
    }

    /// - Parameter port: the port to look at; `nil` takes a free one.
    public func examine(_ port: UInt16?) async -> DoctorReport {
        let unreached = Facts(subject, port, network, scout)
        var recorder = HopRecorder()
        var facts = unreached
        do {
            (recorder, facts) = try await scout.withContainer { container in
                var facts = unreached
                facts.container = container
                var recorder = HopRecorder()
                await recorder.run(Self.checks, &facts)
                await facts.release()
                return (recorder, facts)
            }
        } catch {
            let known = ScoutError.known(error) ?? ScoutError(.interrupted, "interrupted")
            recorder.fail(.toolkit, HopFailure(known))
        }
        return recorder.report(
            port: facts.port, needed: [.listener, .forward],
            success: "seen from inside, port \(facts.port.map { "\($0)" } ?? "-") is well", remark: facts.remark)
    }
}
