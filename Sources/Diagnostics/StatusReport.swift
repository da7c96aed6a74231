public import Core
public import FoundationEssentials
import Platform

/// One page: the link, the session, what is forwarded, the ports, what is being acquired.
public struct StatusReport: Report {
    /// `scout.status/1`.
    public static let schema = "scout.status/1"

    /// The session with the container.
    public struct SessionView: Codable, Sendable {
        /// Whether the container could be logged in to; `true` inside it.
        public var ok: Bool
        /// How long that took.
        public var elapsedSeconds: Double
        /// Why not.
        public var error: String?
    }

    /// What the scout is called here.
    public var target: String
    /// Where it is; `nil` on this machine.
    public var address: String?
    /// When it was asked.
    public var checkedAt: Date
    /// The VPN as this machine sees it; `nil` in the container, and where the address is a name.
    public var vpn: VPNView?
    /// The session with the container.
    public var session: SessionView
    /// The devices; `nil` where the container did not answer.
    public var evidence: EvidenceReport?
    /// The reserved ports; `nil` where the container did not answer.
    public var ports: PortsReport?
    /// What the host forwards.
    public var forwards: ForwardsReport?
    /// Why there is no `forwards`.
    public var forwardsError: String?
    /// What this machine is acquiring.
    public var acquisitions: [RunningAcquisition]

    /// Asks everything at once.
    ///
    /// - Parameters:
    ///   - subject: the scout.
    ///   - paths: where this machine's acquisitions are recorded.
    ///   - scout: asks it.
    /// - Returns: what was found, and why the container could not be asked, if it could not.
    public static func take(
        _ subject: Subject, _ paths: Paths, asking scout: LiveScout
    ) async -> (report: StatusReport, error: ScoutError?) {
        await take(subject, paths, asking: scout, LiveNetwork())
    }

    static func take(
        _ subject: Subject, _ paths: Paths, asking scout: any ScoutQuestions, _ network: any NetworkQuestions
    ) async -> (report: StatusReport, error: ScoutError?) {
        var report = StatusReport(
            target: subject.name, checkedAt: Date(), session: SessionView(ok: false, elapsedSeconds: 0),
            acquisitions: RunningAcquisition.all(paths))
        if let target = subject.target {
            report.address = target.address.description
            if let address = IPAddress(target.address.host) {
                report.vpn = await VPNView.look(towards: address, subject.topology, network)
            }
        }
        let start = ContinuousClock.now
        do {
            let answers = try await scout.withContainer { container in
                let opened = ContinuousClock.now
                async let evidence = container.evidence()
                async let ports = container.ports()
                async let forwards = Self.forwards(container)
                return (opened, try await evidence, try await ports, await forwards)
            }
            report.session = SessionView(ok: true, elapsedSeconds: seconds(answers.0 - start))
            report.evidence = answers.1
            report.ports = answers.2
            switch answers.3 {
            case .success(let forwards): report.forwards = forwards
            case .failure(let error): report.forwardsError = error.message
            }
            return (report, nil)
        } catch {
            let known = ScoutError.known(error) ?? ScoutError(.failed, "\(error)")
            report.session = SessionView(ok: false, elapsedSeconds: seconds(.now - start), error: known.message)
            return (report, known)
        }
    }

    private static func seconds(_ duration: Duration) -> Double { (duration / .seconds(1) * 1000).rounded() / 1000 }

    private static func forwards(_ container: any Container) async -> Result<ForwardsReport, ScoutError> {
        do {
            return .success(try await container.forwards())
        } catch {
            return .failure(ScoutError.known(error) ?? ScoutError(.failed, "\(error)"))
        }
    }
}
