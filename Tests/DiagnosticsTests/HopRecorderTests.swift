import Testing

@testable import Diagnostics

/// The verdict, and the next step that it names.
@Suite struct HopRecorderTests {
    @Test func whatIsNotProvenHasANextStep() async throws {
        let start = ContinuousClock.now
        for finding in [Finding.notKnown("it may be", next: "expert: look"), nil] {
            let recorder = HopRecorder()
            if let finding { await recorder.note(.endToEnd, finding, since: start) }
            let report = await recorder.report(port: 2000, needed: [.endToEnd], success: "well")
            #expect(!report.ok && report.advice.hasPrefix(finding == nil ? "expert: scout ports" : "expert: look"))
        }
        let recorder = HopRecorder()
        await recorder.note(.endToEnd, .proven("the nonce came back"), since: start)
        let report = await recorder.report(port: 2000, needed: [.endToEnd], success: "well")
        #expect(report.ok && report.advice.isEmpty && report.verdict == "well")
    }
}
