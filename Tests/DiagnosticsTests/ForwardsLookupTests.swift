import Core
import Platform
import Synchronization
import Testing

@testable import Diagnostics

/// The three ways to learn what the host forwards, and which is taken.
@Suite(.timeLimit(.minutes(1))) struct ForwardsLookupTests {
    private static let dead = ScoutError(.unreachable, "the host's agent is dead")

    private func lookup(_ answers: Answers, _ subject: Subject = Answers.subject) -> ForwardsLookup {
        ForwardsLookup(subject, asking: answers.scout, answers.network)
    }

    @Test func theAgentIsAskedFirstThenTheHostThenThePorts() async throws {
        var answers = Answers.well
        answers.scout.listing = Rules(control: true).listing
        #expect(try await lookup(answers).report(via: nil).source == .agent)
        answers.scout.container.forwardsAnswer = .failure(Self.dead)
        #expect(try await lookup(answers).report(via: nil).source == .ssh)
        answers.scout.listing = .failure(ScoutError(.refused, "10.1.0.2: access denied"))
        #expect(try await lookup(answers).report(via: nil).source == .probe)
    }

    /// Where no way works, the first one's reason is told, and those of the others to who wants to know more.
    @Test func theFirstReasonIsTold() async {
        var answers = Answers.well
        answers.scout.container.forwardsAnswer = .failure(Self.dead)
        answers.scout.container.probeFailure = ScoutError(.busy, "no port is free")
        let told = Mutex<[String]>([])
        let lookup = ForwardsLookup(Answers.subject, asking: answers.scout, answers.network) { line in
            told.withLock { $0.append(line) }
        }
        await #expect(throws: Self.dead) { try await lookup.report(via: nil) }
        #expect(
            told.withLock { $0 } == [
                "no answer by the agent: the host's agent is dead",
                "no answer by SSH: 10.1.0.2 port 23 refused the connection: nothing listens there",
                "no answer by probing: no port is free",
            ])
    }

    /// The way that is asked for is not exchanged for another one.
    @Test func aWayThatIsNamedIsTheOnlyOne() async {
        var answers = Answers.well
        answers.scout.container.forwardsAnswer = .failure(Self.dead)
        let codes: [(ForwardsReport.Source, ScoutError.Code)] = [
            (.agent, .unreachable), (.ssh, .unreachable), (.file, .usage),
        ]
        for (way, code) in codes {
            let error = await #expect(throws: ScoutError.self) { try await lookup(answers).report(via: way) }
            #expect(error?.code == code)
        }
    }

    @Test func whatIsTriedIsTold() async throws {
        var answers = Answers.well
        answers.scout.container.row = { ProbeReport.Row(port: $0, state: $0 == 2001 ? .foreign : .probing) }
        let report = try await lookup(answers).report(via: .probe)
        #expect(report.forwards.map(\.port) == [22] + Array(2000...2009))
        #expect(report.forwards.allSatisfy { ($0.vpn == .open) == ($0.port != 2001) && $0.lan == .unknown })
        #expect(report.forwards[2].vpn == .unknown && report.forwards[2].reason?.contains("without a lease") == true)
        #expect(report.hostControl.enabled && report.lan.enabled == nil && report.exposures.count == 1)
        answers.network.voice = .nobody(ScoutError(.unreachable, "nobody answers"))
        let closed = try await lookup(answers).report(via: .probe)
        #expect(closed.forwards.map(\.vpn) == [.open] + Array(repeating: .closed, count: 10))
        #expect(!closed.hostControl.enabled)
        // What this machine could not try is not excluded.
        answers.network.voice = .nobody(ScoutError(.io, "too many files are open here"))
        let untried = try await lookup(answers).report(via: .probe)
        #expect(untried.hostControl.enabled && untried.forwards.dropFirst().allSatisfy { $0.vpn == .unknown })
    }

    @Test func fromInsideNobodyCanTry() async {
        await #expect(throws: ScoutError.self) {
            try await lookup(Answers.well, Answers.inside).report(via: .probe)
        }
    }
}
