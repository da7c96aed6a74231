import Core
import FoundationEssentials
import Sessions
import Testing

@testable import Diagnostics

/// One page, of which one part may fail alone.
@Suite(.timeLimit(.minutes(1))) struct StatusTests {
    private let paths = Paths(environment: ["SCOUT_RUNTIME_DIR": "/dev/null/scout-test", "HOME": "/nonexistent"])

    private func take(
        _ answers: Answers, _ subject: Subject = Answers.subject
    ) async -> (report: StatusReport, error: ScoutError?) {
        await StatusReport.take(subject, paths, asking: answers.scout, answers.network)
    }

    @Test func everythingIsAskedAtOnce() async {
        let (report, error) = await take(Answers.well)
        #expect(error == nil && report.session.ok && report.session.error == nil)
        #expect(report.target == "10.1.0.2" && report.address == "10.1.0.2" && report.vpn?.interface == "tap0")
        #expect(report.forwards?.source == .agent && report.evidence?.devices.isEmpty == true && report.ports != nil)
        #expect(report.forwardsError == nil && report.acquisitions.isEmpty)
    }

    @Test func anAgentThatIsSilentCostsTheForwardsAlone() async {
        var answers = Answers.well
        answers.scout.container.forwardsAnswer = .failure(ScoutError(.unreachable, "the host's agent is dead"))
        let (report, error) = await take(answers)
        #expect(error == nil && report.session.ok && report.forwards == nil && report.evidence != nil)
        #expect(report.forwardsError == "the host's agent is dead")
    }

    @Test func aContainerThatIsNotReachedIsTheErrorAndTheVPNIsTold() async {
        var answers = Answers.well
        let lost = ScoutError(.unreachable, "10.1.0.2 port 22 did not answer", hint: "check that the VPN is up")
        answers.scout.failure = (.dialling, lost)
        answers.network.silence = "WireGuard has never heard of its peer"
        let (report, error) = await take(answers)
        #expect(error == lost && !report.session.ok && report.session.error == lost.message)
        #expect(report.evidence == nil && report.ports == nil && report.forwards == nil && report.forwardsError == nil)
        #expect(report.vpn?.up == false && report.vpn?.reason == "WireGuard has never heard of its peer")
    }

    @Test func insideTheContainerThereIsNoVPNToLookAt() async {
        let (report, error) = await take(Answers.well, Answers.inside)
        #expect(error == nil && report.target == "local" && report.address == nil && report.vpn == nil)
    }

    /// The keys of the JSON, typed anew.
    @Test func theObjectHasItsKeys() async throws {
        struct Shape: Decodable {
            struct Session: Decodable {
                let ok: Bool
                let elapsedSeconds: Double
            }
            struct VPN: Decodable {
                let up: Bool
                let interface: String
                let address: String
            }
            struct Anything: Decodable {}
            let schema: String
            let target: String
            let address: String
            let checkedAt: String
            let vpn: VPN
            let session: Session
            let evidence: Anything
            let ports: Anything
            let forwards: Anything
            let acquisitions: [Anything]
        }
        let shape = try JSONDecoder().decode(Shape.self, from: JSON.encode(await take(Answers.well).report))
        #expect(shape.schema == "scout.status/1" && shape.vpn.address == "10.1.0.3" && shape.session.ok)
    }
}
