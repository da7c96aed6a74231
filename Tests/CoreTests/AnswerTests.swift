import Core
import FoundationEssentials
import Testing

/// What a container that lies may not get past the decoder.
@Suite struct AnswerTests {
    private func fault<R: Report>(_ type: R.Type, _ text: String) -> ScoutError? {
        #expect(throws: ScoutError.self) { try JSON.decode(type, from: Data(text.utf8)) }
    }

    private func lease(_ change: (String, String)? = nil) -> String {
        let text = """
            {"schema":"scout.serve/1","port":2003,"service":"nbd","name":"x","source":"/dev/host/x","readOnly":true,\
            "uri":"nbd://h:2003/x","bind":"b:2003","allow":[],"tls":"off","pid":7,"state":"listening",\
            "startedAt":"2026-01-01T00:00:00Z"}
            """
        guard let change else { return text }
        #expect(text.contains(change.0))
        return text.replacing(change.0, with: change.1)
    }

    @Test func whatIsBeyondTheBoundsNeverReachesTheDecoder() {
        for text in [
            String(repeating: "{\"a\":[", count: 100_000), String(repeating: "[", count: 100_000),
            "{\"error\":" + String(repeating: "[", count: 40) + String(repeating: "]", count: 40) + "}",
            "{\"a\":\"" + String(repeating: "a", count: 70_000) + "\"}",
            "{\"a\":[" + String(repeating: "0,", count: 600_000) + "0]}", "nonsense", "", "{\"a\":", "\u{FEFF}{}",
        ] {
            #expect(fault(PortsReport.self, text)?.code == .protocolViolation, "\(text.prefix(40))")
        }
        #expect(fault(PortsReport.self, String(repeating: "{\"a\":[", count: 99))?.message.contains("32 deep") == true)
    }

    @Test func anObjectIsFoundInPiecesWhateverItsTextsHold() throws {
        let object = "{\"a\":\"}\\\"{[\\\\\",\"b\":[{},{\"c\":\"]}\"}]}"
        let bytes = Array(("  \n" + object + "bye }").utf8)
        for step in 1..<bytes.count {
            var bounds = AnswerBounds()
            for end in stride(from: step, through: bytes.count + step - 1, by: step) {
                try bounds.scan(Array(bytes.prefix(end)))
            }
            #expect(bounds.object == 3..<3 + object.utf8.count)
        }
    }

    @Test(arguments: [
        ("\"port\":2003", "\"port\":0"), ("\"port\":2003", "\"port\":70000"), ("\"port\":2003", "\"port\":-1"),
        ("\"port\":2003", "\"port\":2003.5"), ("\"port\":2003", "\"port\":\"2003\""), ("\"pid\":7", "\"pid\":-7"),
        ("\"pid\":7", "\"pid\":99999999999"), ("\"name\":\"x\"", "\"name\":\"x?tls-psk-file=/etc/passwd\""),
        ("\"name\":\"x\"", "\"name\":\"\""), ("\"name\":\"x\"", "\"name\":\"x/../y\""),
        ("\"name\":\"x\"", "\"name\":\"x@evil\""), ("\"name\":\"x\"", "\"name\":\"\\u001b[2J\""),
        ("listening", "lying"), ("2026-01-01", "9999999-99-99"), ("\"off\"", "\"rot13\""),
        ("\"allow\":[]", "\"allow\":[\"x\"]"),
    ])
    func aLeaseThatCannotBeIsRefused(right: String, wrong: String) throws {
        #expect(throws: Never.self) { try JSON.decode(LeaseReport.self, from: Data(lease().utf8)) }
        #expect(fault(LeaseReport.self, lease((right, wrong)))?.code == .protocolViolation)
        let row = "{\"schema\":\"scout.release/1\",\"released\":[\(lease((right, wrong)))]}"
        #expect(fault(ReleaseReport.self, row)?.code == .protocolViolation)
    }

    @Test func aFaultSaysWhereItIs() {
        let error = fault(LeaseReport.self, lease(("\"port\":2003", "\"port\":\"x\"")))
        #expect(error?.message == "the answer is no scout.serve/1: 'port' is not what it should be")
        let tooLarge = fault(LeaseReport.self, lease(("\"port\":2003", "\"port\":70000")))
        #expect(tooLarge?.message == "the answer is no scout.serve/1: a value is not what it should be")
        #expect(fault(LeaseReport.self, lease(("\"pid\":7,", "")))?.message.contains("'pid' is missing") == true)
        #expect(fault(EvidenceReport.self, lease())?.message == "the answer is scout.serve/1, not scout.evidence/1")
        #expect(fault(EvidenceReport.self, "{\"schema\":\"\\u001b[2J\"}")?.message.contains("\\u{1B}[2J") == true)
    }

    @Test(arguments: [
        ("-1", "0", "/dev/host/x", "x"), ("1", "-1", "/dev/host/x", "x"),
        ("1", "9223372036854775807", "/dev/host/x", "x"),
        ("1", "0", "dev", "x"), ("1", "0", "/x", "a/b"), ("1", "0", "/x", ""),
    ])
    func evidenceThatCannotBeIsRefused(size: String, start: String, path: String, name: String) {
        let text = """
            {"schema":"scout.evidence/1","devices":[{"name":"\(name)","path":"\(path)","sizeBytes":\(size),"readOnly":true,\
            "partitions":[{"number":1,"startBytes":\(start),"sizeBytes":512,"type":"t"}],"exportedOn":[]}]}
            """
        #expect(fault(EvidenceReport.self, text)?.code == .protocolViolation)
    }

    @Test(arguments: [
        "{\"port\":2000,\"state\":\"leased\"}", "{\"port\":0,\"state\":\"free\"}",
        "{\"port\":2000,\"state\":\"free\"},{\"port\":2000,\"state\":\"free\"}",
        "{\"port\":2000,\"state\":\"foreign\",\"process\":{\"pid\":-1,\"name\":\"x\"}}",
    ])
    func portsThatCannotBeAreRefused(rows: String) {
        let text = "{\"schema\":\"scout.ports/1\",\"container\":\"127.0.0.1\",\"ports\":[\(rows)]}"
        #expect(fault(PortsReport.self, text)?.code == .protocolViolation)
    }

    @Test func anErrorOfTheOtherSideIsOneLineOfSensibleLength() {
        let long = String(repeating: "\\u001b", count: 9000)
        let error = fault(
            PortsReport.self, "{\"error\":{\"code\":\"busy\",\"message\":\"a\\nb\(long)\",\"hint\":\"c\\rd\"}}")
        #expect(error?.code == .busy && error?.hint == "c\\u{D}d")
        #expect(error?.message.hasPrefix("a\\u{A}b\\u{1B}") == true && (error?.message.utf8.count ?? 0) < 13_000)
    }
}
