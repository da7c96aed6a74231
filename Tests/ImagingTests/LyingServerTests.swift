import Core
import Foundation
import Imaging
import Platform
import Testing

/// Servers that lie: each lie meets one clear error, in bounded time and memory, or does no harm.
@Suite struct LyingServerTests {
    private final class Server {
        let directory = "/tmp/imaging-lies-" + String(UInt32.random(in: 0 ... .max), radix: 36)
        var image: String { directory + "/x.dd" }
        private let child: Child
        private let tcp: Bool
        private var uri: String {
            let port = tcp ? (try? String(contentsOfFile: directory + "/socket", encoding: .utf8)) ?? "" : ""
            return tcp ? "nbd://127.0.0.1:\(port)/" : "nbd+unix:///?socket=\(directory)/socket"
        }

        /// - Parameter tcp: on a loopback port of its own, in place of a Unix socket.
        init(_ lie: String, size: UInt64, tcp: Bool = false) throws {
            self.tcp = tcp
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
            let script = #filePath.replacingOccurrences(of: "LyingServerTests.swift", with: "lying-server.py")
            child = try Child(
                ["python3", script, (tcp ? "tcp:" : "") + directory + "/socket", "\(size)", lie],
                errors: directory + "/log")
            let end = Date() + 20
            while !FileManager.default.fileExists(atPath: directory + "/socket") {
                try #require(child.isRunning && Date() < end, "the server did not start")
                usleep(5000)
            }
        }

        deinit {
            child.kill()
            try? FileManager.default.removeItem(atPath: directory)
        }

        func acquire(_ options: Acquisition.Options = Acquisition.Options()) async throws -> Acquisition.Result {
            let acquisition = Acquisition(
                uri: uri, source: SourceDescription(name: "x", path: "x"),
                image: image, hashes: [.sha256], options: options)
            return try await acquisition.run()
        }

        /// Whether each byte of the image is what the server has.
        func isImageRight(_ size: Int) throws -> Bool {
            try Data(contentsOf: URL(fileURLWithPath: image)) == Data(repeating: 0xaa, count: size)
        }
    }

    private static let size = 6 << 20

    @Test(arguments: [
        ("another-size", ScoutError.Code.protocolViolation, "different exports"),
        ("zero-length", .protocolViolation, "protocol"), ("too-far", .protocolViolation, "protocol"),
        ("endless", .protocolViolation, "more than was asked for"), ("crumbs", .protocolViolation, "too many parts"),
        ("stops", .unreachable, "sent nothing for 1 s"), ("dribble", .unreachable, "not completed an answer for 6 s"),
        ("mute", .unreachable, "within 1 s"), ("endless-info", .protocolViolation, "before the end of the handshake"),
        ("endless-contexts", .protocolViolation, "before the end of the handshake"),
    ])
    func aLieEndsInOneClearError(lie: String, code: ScoutError.Code, words: String) async throws {
        let server = try Server(lie, size: UInt64(Self.size), tcp: lie.hasPrefix("endless"))
        var options = Acquisition.Options()
        options.inactivityTimeout = .milliseconds(300)
        options.connectDeadline = .seconds(1)
        if lie == "another-size" { options.connections = 2 }
        let start = ContinuousClock.now
        let before = residentBytes()
        let error = await scoutError { _ = try await server.acquire(options) }
        #expect(error?.code == code)
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "-")")
        #expect(error?.message.contains("\n") == false)
        #expect(.now - start < .seconds(40))
        #expect(residentBytes() - before < 150 << 20)
    }

    @Test(arguments: [1 << 63, UInt64.max])
    func aSizeThatNoDiskHasIsRefused(size: UInt64) async throws {
        let server = try Server("none", size: size)
        let error = await scoutError { _ = try await server.acquire() }
        #expect(error?.code == .protocolViolation || error?.code == .io || error?.code == .unreachable)
        #expect(!FileManager.default.fileExists(atPath: server.image + ".partial"))
    }

    /// What libnbd does not refuse by itself must not reach the arithmetic.
    @Test(arguments: ["block-0", "block-3", "block-huge", "block-backwards"])
    func oddBlockSizesDoNoHarm(lie: String) async throws {
        let server = try Server(lie, size: UInt64(Self.size))
        do {
            _ = try await server.acquire()
            #expect(try server.isImageRight(Self.size))
        } catch let error as ScoutError {
            #expect([.protocolViolation, .unreachable].contains(error.code), "\(error)")
        }
    }

    /// Eight million stretches in an answer for one GiB, for four GiB at once: 1.1 GiB of memory before; here for two.
    @Test func millionsOfExtentsTakeLittleMemory() async throws {
        let server = try Server("many-extents", size: 2 << 30)
        let cancellation = try Cancellation()
        let acquisition = Acquisition(
            uri: "nbd+unix:///?socket=\(server.directory)/socket", source: SourceDescription(name: "x", path: "x"),
            image: server.image, hashes: [])
        let before = residentBytes()
        let highest = Highest()
        let error = await scoutError {
            _ = try await acquisition.run(cancellation: cancellation) { event in
                highest.note(residentBytes())
                if let progress = event.progress, progress.doneBytes > 16 << 20 { cancellation.cancel() }
            }
        }
        #expect(error?.code == .interrupted)
        #expect(highest.value > 0 && highest.value - before < 200 << 20, "\((highest.value - before) >> 20) MiB")
    }

    /// One sector at a time would be a question per sector; the rest of a window is read without one.
    @Test func answersThatTellLittleDoNotLastForEver() async throws {
        let server = try Server("short-extents", size: 64 << 20)
        let start = ContinuousClock.now
        let result = try await server.acquire()
        #expect(try server.isImageRight(64 << 20))
        #expect(result.manifest.coverage?.readBytes == 64 << 20)
        #expect(.now - start < .seconds(30))
    }

    /// The server has data where it promises zeros: nothing may say that they were read.
    @Test func promisedZerosAreToldAsSuch() async throws {
        let server = try Server("promises", size: UInt64(Self.size))
        let result = try await server.acquire()
        let coverage = try #require(result.manifest.coverage)
        #expect(coverage.readBytes == 0 && coverage.promisedZeroBytes == UInt64(Self.size))
        #expect(coverage.promisedZeroRangeCount == 1)
        #expect(coverage.promisedZeroRanges.map(\.offsetBytes) == [0])
        let report = try String(contentsOfFile: result.reportPath, encoding: .utf8)
        #expect(!report.contains("Every byte of the source was read"))
        #expect(report.contains("\(Self.size) bytes in 1 range of the source were not read"))
        #expect(!result.manifest.isWholeSourceRead)
        let verification = Verification(image: server.image, version: "1", command: "")
        let verified = try await verification.run(cancellation: Cancellation(), events: { _ in })
        #expect(verified.isIntact && !verified.manifest.isWholeSourceRead)
        #expect(verified.manifest.coverageStatements.contains { $0.contains("only promised") })
    }

    @Test func readingZerosFindsTheLie() async throws {
        let server = try Server("promises", size: UInt64(Self.size))
        var options = Acquisition.Options()
        options.readsZeros = true
        let result = try await server.acquire(options)
        #expect(try server.isImageRight(Self.size))
        #expect(result.manifest.coverage?.readBytes == UInt64(Self.size))
        #expect(result.manifest.isWholeSourceRead)
        #expect(result.manifest.coverageStatements == ["Every byte of the source was read."])
    }

    /// A hole inside the answer to a read is the same promise.
    @Test func holesInAnswersArePromisesToo() async throws {
        let server = try Server("holes", size: UInt64(Self.size))
        let result = try await server.acquire()
        let coverage = try #require(result.manifest.coverage)
        #expect(coverage.promisedZeroBytes == UInt64(Self.size / 2))
        #expect(coverage.readBytes == UInt64(Self.size / 2))
        #expect(coverage.readZeroBytes == 0)
        #expect(coverage.promisedZeroRangeCount == Self.size / (2 << 20))
    }

    private func residentBytes() -> Int {
        let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
        let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    /// Unchecked: the number is touched under the lock only.
    private final class Highest: @unchecked Sendable {
        private let lock = NSLock()
        private var highest = 0
        var value: Int { lock.withLock { highest } }
        func note(_ bytes: Int) { lock.withLock { highest = max(highest, bytes) } }
    }
}
