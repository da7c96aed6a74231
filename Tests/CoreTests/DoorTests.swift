import Core
import Platform
import Testing

/// The door between laptop and container: requests one way, frames the other.
@Suite struct DoorTests {
    private static let requests: [ContainerRequest] = {
        var service = NBDRequest(source: "/dev/host/it's \"one\"\n")
        service.port = 2003
        service.name = "x"
        service.allow = [CIDR("127.0.0.0/8"), CIDR("::1")].compactMap { $0 }
        service.tls = .psk
        service.presharedKey = "00"
        service.partition = 2
        service.idleTimeout = .seconds(600)
        service.maxClients = 3
        return [
            .version, .evidence, .ports, .forwards, .serve(.nbd(service)), .serve(.nbd(NBDRequest(source: "e"))),
            .release(.port(2003)), .release(.name("2003")), .release(.all),
            .hash(source: "--version", algorithms: [.md5, .sha512]), .probe(ports: [2000, 2001], nonce: "abc"),
        ]
    }()

    @Test(arguments: requests) func aRequestComesThroughAsItIs(request: ContainerRequest) throws {
        for message in [RequestMessage(request), RequestMessage(request, aliveSeconds: 5)] {
            let line = try message.encoded()
            #expect(line.last == UInt8(ascii: "\n") && line.count { $0 == UInt8(ascii: "\n") } == 1)
            #expect(try RequestMessage.decode(line, version: "1.0") == message)
        }
    }

    private func refusal(_ text: String) -> ScoutError? {
        #expect(throws: ScoutError.self) { try RequestMessage.decode(Array(text.utf8), version: "1.2.3") }
    }

    @Test func aRequestOfAnotherVersionIsNamed() {
        let newer = refusal("{\"schema\":\"scout.request/2\",\"verb\":\"evidence\"}")
        #expect(newer?.code == .protocolViolation)
        #expect(newer?.message == "scout 1.2.3 does not know a scout.request/2: it takes a scout.request/1")
        let verb = refusal("{\"schema\":\"scout.request/1\",\"verb\":\"levitate\"}")
        #expect(verb?.code == .protocolViolation && verb?.message.hasPrefix("scout 1.2.3 does not know") == true)
        #expect(refusal("{\"verb\":\"evidence\"}")?.code == .protocolViolation)
        #expect(refusal("evidence")?.code == .protocolViolation)
    }

    @Test(arguments: [
        "\"verb\":\"release\",\"parameters\":{}", "\"verb\":\"release\",\"parameters\":{\"all\":false}",
        "\"verb\":\"release\"",
        "\"verb\":\"hash\",\"parameters\":{\"source\":\"e\",\"algorithms\":[]}",
        "\"verb\":\"hash\",\"parameters\":{\"source\":\"e\",\"algorithms\":[\"rot13\"]}",
        "\"verb\":\"probe\",\"parameters\":{\"ports\":[2000],\"nonce\":\"a b\"}",
        "\"verb\":\"probe\",\"parameters\":{\"ports\":[],\"nonce\":\"a\"}",
        "\"verb\":\"serve\",\"parameters\":{\"nbd\":{\"source\":\"e\",\"tls\":\"off\",\"writable\":false,\"maxClients\":0}}",
        "\"verb\":\"serve\",\"parameters\":{\"nbd\":{\"source\":\"e\",\"tls\":\"off\",\"writable\":false,\"maxClients\":1025}}",
        "\"verb\":\"serve\",\"parameters\":{\"nbd\":{\"source\":\"e\",\"tls\":\"off\",\"writable\":false,\"port\":0}}",
        "\"verb\":\"serve\",\"parameters\":{\"telnet\":{\"source\":\"e\"}}", "\"verb\":\"ports\",\"aliveSeconds\":0",
    ])
    func parametersThatNoVerbTakesAreRefused(parameters: String) {
        #expect(refusal("{\"schema\":\"scout.request/1\",\(parameters)}") != nil, "\(parameters)")
    }

    // MARK: Frames

    private let request = ContainerRequest.hash(source: "e", algorithms: [.md5])
    private let report = HashReport(
        path: "/dev/host/e", sizeBytes: 7, hashes: ["md5": "900150983cd24fb0d6963f7d28e17f72"])

    private func reader(_ request: ContainerRequest? = nil) -> AnswerReader<HashReport> {
        AnswerReader(to: request ?? self.request, reservedPorts: 2000...2009)
    }

    /// What comes of bytes, all at once or byte by byte.
    private func outcome(
        _ bytes: [UInt8], to request: ContainerRequest? = nil, step: Int = .max, after elapsed: Duration = .zero
    ) -> Result<HashReport?, ScoutError> {
        var reader = reader(request)
        var rest = bytes[...]
        do throws(ScoutError) {
            while !rest.isEmpty {
                if let answer = try reader.take(rest.prefix(step), after: elapsed) { return .success(answer) }
                rest = rest.dropFirst(step)
            }
            return .success(nil)
        } catch { return .failure(error) }
    }

    private func fault(_ text: String, to request: ContainerRequest? = nil) -> ScoutError? {
        guard case .failure(let error) = outcome(Array(text.utf8), to: request) else { return nil }
        return error
    }

    @Test func anAnswerIsFoundBehindSignsOfLifeInPieces() throws {
        let alive = AnswerFrame.alive(.hash)
        let bytes = try alive + alive + AnswerFrame.report(report, to: .hash) + Array("and more".utf8)
        for step in [1, 2, 7, bytes.count] { #expect(outcome(bytes, step: step) == .success(report)) }
        var reader = reader()
        #expect(try reader.take(bytes, after: .zero) == report)
        #expect(reader.rest == Array("\nand more".utf8))
    }

    @Test func theContainersErrorIsItsOwnAndItsHintIsToldSo() {
        let error = ScoutError(.noSource, "no\u{1B}[2J", hint: "rm -rf ~")
        for verb in [ContainerRequest.Verb.hash, nil] {
            guard case .failure(let found) = outcome(AnswerFrame.error(error, to: verb)) else {
                Issue.record("there was no error")
                continue
            }
            #expect(found == ScoutError(.noSource, "no\\u{1B}[2J", hint: "the container says: rm -rf ~"))
        }
    }

    @Test func aFrameThatIsCutIsNoAnswer() throws {
        let bytes = try AnswerFrame.report(report, to: .hash)
        for count in stride(from: 0, to: bytes.count - 1, by: 3) {
            #expect(outcome(Array(bytes.prefix(count))) == .success(nil))
        }
    }

    @Test func theAnswerToAnotherRequestIsNone() throws {
        let other = try AnswerFrame.report(report, to: .evidence)
        #expect(fault(String(decoding: other, as: UTF8.self))?.message.contains("'evidence'") == true)
        let kind = try AnswerFrame.report(VersionReport(version: "1.0"), to: .hash)
        #expect(
            fault(String(decoding: kind, as: UTF8.self))?.message == "the answer is scout.version/1, not scout.hash/1")
        let right = String(decoding: try AnswerFrame.report(report, to: .hash), as: UTF8.self)
        for request in [
            ContainerRequest.hash(source: "f", algorithms: [.md5]), .hash(source: "e", algorithms: [.sha1]),
            .hash(source: "e", algorithms: [.md5, .sha1]), .version,
        ] {
            #expect(fault(right, to: request)?.code == .protocolViolation, "\(request)")
        }
        #expect(
            fault(right.replacing("scout.answer/1", with: "scout.answer/2"))?.message.contains("another version")
                == true)
        #expect(fault(right.replacing("\"verb\"", with: "\"word\""))?.code == .protocolViolation)
        #expect(fault(right.replacing("\"sizeBytes\":7", with: "\"sizeBytes\":-7"))?.code == .protocolViolation)
    }

    @Test func whatHasNoEndIsEnded() {
        let alive = String(decoding: AnswerFrame.alive(.hash), as: UTF8.self)
        #expect(fault(String(repeating: alive, count: 100)) == nil)
        #expect(fault(String(repeating: alive, count: 101))?.code == .protocolViolation)
        // As often as somebody could ask for: 30 days of it.
        #expect(outcome(Array(String(repeating: alive, count: 5000).utf8), after: .seconds(3600)) == .success(nil))
        let start = "{\"schema\":\"scout.answer/1\",\"verb\":\"hash\",\"report\":["
        for piece in ["{\"a\":\"b\"},", "\"" + String(repeating: "a", count: 60_000) + "\",", "\n"] {
            let text = start + String(repeating: piece, count: (5 << 20) / piece.utf8.count)
            #expect(fault(text)?.code == .protocolViolation)
        }
        #expect(fault(String(repeating: "\n", count: 5 << 20))?.code == .protocolViolation)
    }
}
