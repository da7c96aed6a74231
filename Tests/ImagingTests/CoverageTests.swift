import Core
import Foundation
import Platform
import Testing

@testable import Imaging

/// What was read, what was zeros, what was only promised.
@Suite struct CoverageTests {
    /// Counted from the file itself, in another way than the program does.
    @Test(arguments: 1...3 as ClosedRange<UInt64>, [false, true])
    func threeKindsOfBytesAddUp(seed: UInt64, readsZeros: Bool) async throws {
        let export = try await EvidenceExport(size: 2_345_678, seed: seed)
        var options = Acquisition.Options()
        options.readsZeros = readsZeros
        let result = try await export.acquisition(options: options).run()
        let coverage = try #require(result.manifest.coverage)
        #expect(coverage.readBytes + coverage.promisedZeroBytes + coverage.unreadableBytes == 2_345_678)
        #expect(coverage.unreadableBytes == 0)
        #expect(coverage.promisedZeroRanges.count == coverage.promisedZeroRangeCount)
        #expect(coverage.promisedZeroRanges.reduce(0) { $0 + $1.lengthBytes } == coverage.promisedZeroBytes)
        if readsZeros { #expect(coverage.promisedZeroBytes == 0) }
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: export.source)))
        var promised = [Bool](repeating: false, count: bytes.count)
        for range in coverage.promisedZeroRanges {
            let place = Int(range.offsetBytes)..<Int(range.offsetBytes + range.lengthBytes)
            #expect(bytes[place].allSatisfy { $0 == 0 })
            promised.replaceSubrange(place, with: repeatElement(true, count: place.count))
        }
        var zeros: UInt64 = 0
        for start in stride(from: 0, to: bytes.count, by: 4096) {
            let block = start..<min(start + 4096, bytes.count)
            guard bytes[block].allSatisfy({ $0 == 0 }) else { continue }
            zeros += UInt64(block.filter { !promised[$0] }.count)
        }
        #expect(coverage.readZeroBytes == zeros)
    }

    @Test func aHashAtTheSourceProvesPromisedZeros() async throws {
        let export = try await EvidenceExport(
            size: 0, prepare: { try #require(truncate($0 + "/source", 4 << 20) == 0) })
        let digest = try coreutils(.sha256, export.source)
        let result = try await export.acquisition { [.sha256: digest] }.run()
        #expect(result.manifest.coverage?.promisedZeroBytes == 4 << 20)
        #expect(result.manifest.isWholeSourceRead)
        #expect(result.manifest.coverageStatements.last?.contains("agrees with those zeros") == true)
    }

    /// The list in the manifest is bounded, the count is not.
    @Test func onlySoManyRangesAreListed() {
        var promised = PromisedZeros()
        for index in 0..<5000 as Range<UInt64> { promised.add(index * 10..<index * 10 + 5) }
        promised.add(49_995..<50_000)
        #expect(promised.count == 5000)
        #expect(promised.bytes == 25_005)
        #expect(promised.first.count == PromisedZeros.mostRanges)
        #expect(promised.first.last == ByteRange(offsetBytes: 9990, lengthBytes: 5))
    }

    /// A disk of bad sectors, or a server that says so, must not fill the memory.
    @Test func readErrorsAreBounded() {
        var log = ReadErrorLog()
        var caught: ScoutError?
        for index in 0..<UInt64(ReadErrorLog.most * 2) where caught == nil {
            do throws(ScoutError) {
                try log.add(index * 1024..<index * 1024 + 512, .unreadable, code: EIO, retries: 1)
            } catch {
                caught = error
            }
        }
        #expect(caught?.code == .io)
        #expect(log.badRanges.count < ReadErrorLog.most * 12 / 10)
    }

    /// The worst first: unreadable bytes outrank a comparison that could not be made, and both are told.
    @Test func allConditionsAreToldAndTheWorstDecides() async throws {
        let pread = """
            if [ $4 -lt 1024 ]; then echo EIO bad >&2; exit 1; fi
            dd if=/dev/zero count=$3 bs=1 status=none
            """
        let export = try await EvidenceExport(
            size: 0, ["-r", "eval", "get_size=echo 65536", "pread=\(pread)"])
        let result = try await export.acquisition { throw ScoutError(.unreachable, "gone") }.run()
        let conditions = try #require(result.manifest.conditions)
        #expect(conditions.map(\.code) == [.io, .failed])
        #expect(conditions.first?.message.contains("1 unreadable ranges, 1024 bytes") == true)
        #expect(conditions.last?.message.contains("gone") == true)
        #expect(result.manifest.coverage?.unreadableBytes == 1024)
        #expect(result.manifest.coverage?.readZeroBytes == 65536 - 1024)

        // Wrong bytes outrank unreadable ones, and the message still tells both.
        let other = export.acquisition(image: export.directory + "/y.dd") {
            [.sha256: String(repeating: "0", count: 64), .md5: String(repeating: "1", count: 32)]
        }
        let error = await scoutError { _ = try await other.run() }
        #expect(error?.code == .failed)
        for words in ["SHA-256", "MD5", "1024 bytes in 1 range of the source could not be read"] {
            #expect(error?.message.contains(words) == true, "\(words)")
        }
    }

    @Test func aManifestSaysOnlyWhatWasAsked() async throws {
        let export = try await EvidenceExport(size: 1000)
        let result = try await export.acquisition().run()
        #expect(result.manifest.source.readOnly == nil)
        #expect(result.manifest.source.exportReadOnly == true)
        let text = try String(contentsOfFile: result.reportPath, encoding: .utf8)
        #expect(!text.contains("Device read-only"))
        #expect(text.contains("Export read-only:        yes"))
        #expect(result.manifest.conditions == [])
    }

    @Test(arguments: ["image.dd", "image.dd.scout.json", "image.dd.txt"])
    func verifyDoesNotWaitForAFIFO(name: String) async throws {
        let export = try await EvidenceExport(size: 1000)
        _ = try await export.acquisition().run()
        let path = export.directory + "/" + name
        unlink(path)
        try #require(mkfifo(path, 0o600) == 0)
        let verification = Verification(image: export.image, version: "1", command: "")
        let start = ContinuousClock.now
        do {
            let result = try await verification.run(cancellation: Cancellation(), events: { _ in })
            #expect(name == "image.dd.txt" && result.manifest.manifestMatchesReport == nil)
        } catch let error as ScoutError {
            #expect(error.code == (name == "image.dd" ? .noSource : .badData))
        }
        #expect(.now - start < .seconds(5))
    }

    @Test(arguments: ["/dev/zero", "/dev", "/dev/tty"])
    func whatIsNoFileIsNotHashed(path: String) async throws {
        let error = await scoutError {
            _ = try await FileHash.digests(
                of: path, algorithms: [.md5], cancellation: Cancellation(), progress: { _ in })
        }
        #expect(error?.code == .noSource)
    }
}
