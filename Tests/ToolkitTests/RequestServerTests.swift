import Core
import Glibc
import Platform
import Testing
import Toolkit

/// The container's end of the door, with a container that answers from memory.
@Suite(.timeLimit(.minutes(1))) struct RequestServerTests {
    private struct FakeContainer: Container {
        var pause = Duration.zero
        private static let absent = ScoutError(.noSource, "there is none here", hint: "look elsewhere")

        func version() async throws -> VersionReport { VersionReport(version: "1.2.3") }
        func evidence() async throws -> EvidenceReport { throw Self.absent }
        func serve(_ request: ServiceRequest) async throws -> LeaseReport { throw Self.absent }
        func ports() async throws -> PortsReport { throw CancellationError() }
        func release(_ selection: ReleaseSelection) async throws -> ReleaseReport { throw Self.absent }
        func forwards() async throws -> ForwardsReport { throw Self.absent }
        func hash(_ source: String, algorithms: [HashAlgorithm]) async throws -> HashReport {
            try await Task.sleep(for: pause)
            return HashReport(path: "/dev/host/\(source)", sizeBytes: 0, hashes: [:])
        }
        func withProbe<Result: Sendable>(
            _ ports: [UInt16], nonce: String, _ body: @Sendable (ProbeReport) async throws -> Result
        ) async throws -> Result {
            try await body(ProbeReport(ports: ports.map { ProbeReport.Row(port: $0, state: .probing) }))
        }
    }

    /// What the server writes and returns for some input; with `holds`, the input goes on for that long.
    private func answer(
        _ input: String, _ container: FakeContainer = FakeContainer(), holds: Duration = .zero
    ) async throws -> (text: String, status: Int32, elapsed: Duration) {
        let (requests, frames) = (try PipeEnds(), try PipeEnds())
        defer {
            close(requests.read)
            close(frames.read)
        }
        #expect(Array(input.utf8).withUnsafeBytes { File.writeAll($0, to: requests.write) })
        async let end: Void = {
            try await Task.sleep(for: holds)
            close(requests.write)
        }()
        let start = ContinuousClock.now
        let server = RequestServer(version: "1.2.3", input: requests.read, output: frames.write)
        let status = await server.run { container }
        let elapsed = ContinuousClock.now - start
        close(frames.write)
        try await end
        var bytes = [UInt8](repeating: 0, count: 65536)
        let count = read(frames.read, &bytes, bytes.count)
        return (String(decoding: bytes[..<max(count, 0)], as: UTF8.self), status, elapsed)
    }

    private func line(_ request: ContainerRequest, aliveSeconds: Int? = nil) throws -> String {
        String(decoding: try RequestMessage(request, aliveSeconds: aliveSeconds).encoded(), as: UTF8.self)
    }

    @Test func aRequestIsAnsweredInOneFrame() async throws {
        let (text, status, _) = try await answer(try line(.version) + "more that nobody asked for")
        #expect(status == 0)
        let frame =
            #"{"report":{"schema":"scout.version/1","version":"1.2.3"},"schema":"scout.answer/1","verb":"version"}"#
        #expect(text == frame + "\n")
    }

    @Test func anErrorKeepsItsCodeAndItsStatus() async throws {
        let (text, status, _) = try await answer(try line(.evidence))
        #expect(status == ScoutError.Code.noSource.exitStatus)
        #expect(text.contains(#""error":{"code":"noSource","hint":"look elsewhere","message":"there is none here"}"#))
        #expect(try await answer(try line(.ports)).status == 1)
    }

    @Test(arguments: [
        "", "{", "nonsense", "{}", #"{"schema":"scout.request/2","verb":"version"}"#,
        String(repeating: " ", count: 61 << 10),
    ])
    func whatIsNoRequestGetsAnErrorFrame(input: String) async throws {
        let (text, status, _) = try await answer(input)
        #expect(status == ScoutError.Code.protocolViolation.exitStatus)
        #expect(text.contains(#""error":{"code":"protocolViolation""#) && !text.contains("\"verb\""), "\(text)")
    }

    @Test func signsOfLifeComeBeforeTheAnswerAndStopWithIt() async throws {
        let slow = FakeContainer(pause: .milliseconds(2500))
        let (text, status, _) = try await answer(
            try line(.hash(source: "e", algorithms: [.md5]), aliveSeconds: 1), slow)
        let lines = text.split(separator: "\n")
        #expect(status == 0 && lines.count == 3, "\(text)")
        #expect(lines.dropLast().allSatisfy { $0.contains("\"alive\":true") } && lines.last?.contains("report") == true)
    }

    @Test func aProbeLastsUntilItsInputEnds() async throws {
        let request = try line(.probe(ports: [2000], nonce: "abc"))
        let (text, status, elapsed) = try await answer(request, holds: .milliseconds(600))
        #expect(status == 0 && text.contains("\"probing\"") && elapsed >= .milliseconds(500), "\(text)")
    }

    @Test func anAnswerThatCannotBeWrittenIsAnIOError() async throws {
        let (requests, full) = (try PipeEnds(), open("/dev/full", O_WRONLY | O_CLOEXEC))
        defer {
            close(requests.read)
            close(full)
        }
        let request = Array(try line(.version).utf8)
        #expect(request.withUnsafeBytes { File.writeAll($0, to: requests.write) })
        close(requests.write)
        let status = await RequestServer(version: "1", input: requests.read, output: full).run { FakeContainer() }
        #expect(status == ScoutError.Code.io.exitStatus)
    }
}
