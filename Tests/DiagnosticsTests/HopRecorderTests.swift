import Core
import Testing

@testable import Diagnostics

/// The verdict, and the next step that it names.
@Suite struct HopRecorderTests {
    @Test func whatIsNotProvenHasANextStep() throws {
        for finding in [Finding.notKnown("it may be", next: Advice(.expert, "look")), nil] {
            var recorder = HopRecorder()
            if let finding { recorder.note(.endToEnd, finding) }
            let report = recorder.report(port: 2000, needed: [.endToEnd], success: "well")
            #expect(!report.ok && report.advice.hasPrefix(finding == nil ? "expert: scout ports" : "expert: look"))
        }
        var recorder = HopRecorder()
        recorder.note(.endToEnd, .proven("the nonce came back"))
        let report = recorder.report(port: 2000, needed: [.endToEnd], success: "well")
        #expect(report.ok && report.advice.isEmpty && report.verdict == "well")
    }

    private func facts() -> Facts { Facts(Answers.subject, nil, NetworkAnswers(), ScoutAnswers()) }

    /// A check runs where what it needs was looked at and does not fail, whatever became of the others.
    @Test func aCheckWaitsForWhatItNeeds() async {
        var (facts, recorder) = (facts(), HopRecorder())
        await recorder.run(
            [
                Check(.vpnLink) { _ in .notKnown("perhaps", next: Advice(.owner, "look")) },
                Check(.route, needs: [.vpnLink]) { _ in throw HopFailure("no", .expert, "walk") },
                Check(.host, needs: [.route]) { _ in .proven("never reached") },
                Check(.hostKey, needs: [.host]) { _ in .proven("never reached") },
                Check(.toolkit, needs: [.vpnLink]) { facts in
                    facts.remark = ("kept", Advice(.owner, "keep"))
                    return .proven("needs no route")
                },
                Check(.listener, needs: [.toolkit]) { _ in throw HopFailure("neither", .owner, "run") },
            ], &facts)
        let report = recorder.report(port: nil, needed: [.toolkit], success: "well", remark: facts.remark)
        #expect(report.hops.map(\.ok) == [nil, false, nil, nil, nil, true, false, nil, nil])
        #expect(report.hops.map(\.detail).filter { $0 == "not reached" }.count == 5)
        // The first that fails is the one to mend, and its advice the one to follow.
        #expect(!report.ok && report.verdict == "route fails: no" && report.advice == "expert: walk")
    }

    /// What a check learns stays known, and what one that fails has opened too, so that it can be given back.
    @Test func factsAreKept() async {
        var (facts, recorder) = (facts(), HopRecorder())
        await recorder.run(
            [
                Check(.vpnLink) { facts in
                    facts.vpnInterface = "tap0"
                    return .proven("")
                },
                Check(.host, deadline: nil) { facts in
                    facts.row = ProbeReport.Row(port: 2007, state: .failed)
                    throw HopFailure("no", .owner, "look")
                },
            ], &facts)
        #expect(facts.vpnInterface == "tap0" && facts.port == 2007)
    }

    /// A question that nobody answers ends with the check's deadline, and an error of any kind is told.
    @Test(.timeLimit(.minutes(1))) func noCheckWaitsForEver() async {
        var (facts, recorder) = (facts(), HopRecorder())
        let start = ContinuousClock.now
        await recorder.run(
            [
                Check(.vpnLink, deadline: .milliseconds(30)) { _ in
                    try await Task.sleep(for: .seconds(3600))
                    return .proven("never")
                },
                Check(.route) { _ in throw CancellationError() },
                Check(.host) { _ in throw ScoutError(.busy, "busy", hint: "wait") },
                Check(.toolkit, deadline: nil) { facts in
                    facts.took = .seconds(5)
                    return .proven("as it says itself")
                },
            ], &facts)
        #expect(ContinuousClock.now - start < .seconds(30))
        let report = recorder.report(port: nil, needed: [], success: "well")
        #expect(report.hops[0].detail.hasPrefix("no answer within") && report.hops[1].detail == "interrupted")
        #expect(report.hops[2].detail == "busy" && report.advice.hasPrefix("expert: try again; if it stays so"))
        #expect(report.hops[5].elapsedSeconds == 5 && report.hops[0].elapsedSeconds < 5)
    }

    /// The order of the checks is that of the hops, and each needs nothing that comes later.
    @Test(arguments: [Doctor.checks, ContainerDoctor.checks]) func everyCheckFollowsWhatItNeeds(checks: [Check]) {
        let all = DoctorReport.HopID.allCases
        #expect(checks.map(\.hop) == Array(all.prefix(checks.count)))
        for (index, check) in checks.enumerated() {
            #expect(check.needs.allSatisfy { all.prefix(index).contains($0) })
            #expect(index == 0 || !check.needs.isEmpty)
        }
    }
}
