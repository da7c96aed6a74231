import Core
import Foundation
import Imaging
import Platform
import Testing

@Suite struct AcquisitionTests {
    @Test(arguments: [0, 1, 511, 512, 513, 4096 * 3 + 1, (2 << 20) - 1, (2 << 20) + 1, 512 * 12345 + 1, 40 << 20])
    func imageEqualsSource(size: Int) async throws {
        let export = try await EvidenceExport(size: size, seed: UInt64(size))
        let result = try await export.acquisition(HashAlgorithm.allCases).run()
        #expect(try areEqual(export.source, export.image))
        #expect(result.manifest.image.sizeBytes == UInt64(size))
        #expect(result.manifest.verified)
        #expect(result.manifest.badRanges.isEmpty)
        for algorithm in HashAlgorithm.allCases {
            #expect(
                try result.manifest.hashes[algorithm.rawValue]?.image == coreutils(algorithm, export.source),
                "\(algorithm.displayName)")
        }
        #expect(export.remains == ["image.dd", "image.dd.scout.json", "image.dd.txt"])
    }

    @Test(arguments: 1...8 as ClosedRange<UInt64>, [1, 3])
    func anyMixOfDataAndHolesComesThrough(seed: UInt64, connections: Int) async throws {
        let export = try await EvidenceExport(size: 23_456_789, seed: seed)
        var options = Acquisition.Options()
        options.connections = connections
        options.verify = false
        let result = try await export.acquisition([.sha256], options: options).run()
        #expect(try areEqual(export.source, export.image))
        #expect(try result.manifest.hashes["sha256"]?.image == coreutils(.sha256, export.source))
        #expect(!result.manifest.verified)
    }

    /// In memory there is only the page cache; on most disks long runs go past it.
    @Test(arguments: 9...12 as ClosedRange<UInt64>)
    func theFileSystemMakesNoDifference(seed: UInt64) async throws {
        let export = try await EvidenceExport(size: 23_456_789, seed: seed)
        let image = "/dev/shm/scout-test-\(getpid())-\(seed).dd"
        defer { for end in ["", ".scout.json", ".txt", ".partial"] { unlink(image + end) } }
        _ = try await export.acquisition([.sha256]).run()
        _ = try await export.acquisition([.sha256], image: image).run()
        #expect(try areEqual(export.source, image))
        #expect(try areEqual(export.image, image))
    }

    /// A server that knows no holes sends the zeros; the image has the holes all the same.
    @Test func zerosBecomeHolesWhoeverFindsThem() async throws {
        let size = 64 << 20
        let export = try await EvidenceExport(
            size: 0, ["-r", "--filter=noextents", "file", "{dir}/source"],
            prepare: { directory in
                truncate(directory + "/source", off_t(size))
                try writeBytes([UInt8](repeating: 7, count: 1 << 20), to: directory + "/source", at: 10_000_384)
            })
        let result = try await export.acquisition().run()
        #expect(try areEqual(export.source, export.image))
        #expect(allocatedBytes(export.image) < 2 << 20)
        let image = result.manifest.image
        #expect(image.dataBytes == (1 << 20) + 4096)
        #expect(image.holeBytes == UInt64(size) - (1 << 20) - 4096)
    }

    @Test func holesAreNotRead() async throws {
        let export = try await EvidenceExport(
            size: 0, ["-r", "--filter=stats", "file", "{dir}/source", "statsfile={dir}/stats"],
            prepare: { directory in
                truncate(directory + "/source", 3 << 30)
                try writeBytes([1, 2, 3], to: directory + "/source", at: 2 << 30)
            })
        var options = Acquisition.Options()
        options.verify = false
        let wire = Latest()
        _ = try await export.acquisition([], options: options).run(cancellation: Cancellation()) { wire.set($0) }
        #expect(try #require(wire.value).wireBytes <= 4096)
        #expect(try #require(wire.value).doneBytes == 3 << 30)
        #expect(allocatedBytes(export.image) <= 8192)
    }

    @Test func recordsTheCaseAndTheCircumstances() async throws {
        let export = try await EvidenceExport(size: 300_000)
        var options = Acquisition.Options()
        options.case = CaseRecord(number: "K-17", evidence: "E-3", examiner: "A. Turing", notes: "line one\nline two")
        options.command = "scout acquire evidence0 image.dd"
        options.version = "1.2.3"
        let result = try await export.acquisition(sizeBytes: 300_000, options: options).run()
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: export.image + ".scout.json")))
        #expect(try result.manifest.json() == bytes)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
        #expect(object["schema"] as? String == "scout.acquire/1")
        #expect((object["source"] as? [String: Any])?["path"] as? String == "/dev/host/evidence0")
        #expect((object["source"] as? [String: Any])?["tls"] as? String == "off")
        #expect((object["image"] as? [String: Any])?["sizeBytes"] as? Int == 300_000)
        #expect((object["case"] as? [String: Any])?["examiner"] as? String == "A. Turing")
        #expect((object["tool"] as? [String: Any])?["version"] as? String == "1.2.3")
        #expect(object["hpa"] as? String == "unknown")
        #expect(object["verified"] as? Bool == true)
        #expect(object["interruptions"] as? Int == 0)
        #expect(object["averageBytesPerSecond"] as? Int ?? 0 > 0)
        let started = try #require(object["startedAt"] as? String)
        #expect(started.hasSuffix("Z") && started.count == 20)

        let text = try String(contentsOfFile: result.reportPath, encoding: .utf8)
        let digest = try coreutils(.sha256, export.source)
        let grouped = stride(from: 0, to: 64, by: 8).map { String(digest.dropFirst($0).prefix(8)) }
        #expect(text.contains(grouped.joined(separator: " ")))
        #expect(text.contains("A. Turing") && text.contains("K-17"))
        #expect(text.hasSuffix("\(try coreutils(.sha256, result.manifestPath))\n"))
        #expect(try coreutils(.sha256, result.manifestPath) == result.manifestSHA256)
        var status = stat()
        #expect(stat(export.image, &status) == 0 && status.st_mode & 0o777 == 0o600)
    }

    @Test func comparesWithTheSourcesOwnHash() async throws {
        let export = try await EvidenceExport(size: 3_000_000)
        let digest = try coreutils(.sha256, export.source)
        let good = try await export.acquisition { [.sha256: digest.uppercased()] }.run()
        #expect(good.manifest.hashes["sha256"]?.source == digest)
        #expect(good.manifest.hashes["md5"]?.source == nil)

        let other = export.directory + "/image.dd.other"
        let bad = export.acquisition(image: other) { [.sha256: String(repeating: "0", count: 64)] }
        let error = await scoutError { _ = try await bad.run() }
        #expect(error?.code == .failed)
        #expect(export.remains.filter { $0.contains("other") } == ["image.dd.other.partial"])

        let third = export.directory + "/image.dd.third"
        let failing = export.acquisition(image: third) { throw ScoutError(.unreachable, "gone") }
        let result = try await failing.run()
        #expect(result.manifest.sourceHashError == "gone")
        #expect(result.manifest.hashes["sha256"]?.source == nil)
    }

    @Test func reportsProgressThatEndsAtTheWhole() async throws {
        let export = try await EvidenceExport(size: 20 << 20)
        let seen = Latest()
        _ = try await export.acquisition().run(cancellation: Cancellation()) { seen.set($0) }
        let all = seen.all
        #expect(all.contains { $0.phase == .reading && $0.doneBytes == 20 << 20 })
        #expect(all.last?.phase == .verifying)
        #expect(all.last?.doneBytes == 20 << 20)
        #expect(all.allSatisfy { $0.totalBytes == 20 << 20 && $0.doneBytes <= $0.totalBytes })
    }
}

/// Keeps what a progress callback was told.
final class Latest: Sendable {
    private let list = LockedList()
    var value: Imaging.Progress? { list.items.last }
    var all: [Imaging.Progress] { list.items }
    func set(_ event: Event) {
        if let progress = event.progress { list.append(progress) }
    }

    /// Unchecked: the array is touched under the lock only.
    private final class LockedList: @unchecked Sendable {
        private let lock = NSLock()
        private var stored: [Imaging.Progress] = []
        var items: [Imaging.Progress] { lock.withLock { stored } }
        func append(_ progress: Imaging.Progress) { lock.withLock { stored.append(progress) } }
    }
}
