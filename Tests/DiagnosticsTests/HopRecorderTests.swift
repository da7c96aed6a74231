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
}
