import Core
import Foundation
import Imaging
import Platform
import Testing

@Suite struct VerificationTests {
    private func acquired(_ size: Int = 6_000_001) async throws -> EvidenceExport {
        let export = try await EvidenceExport(size: size, seed: 11)
        _ = try await export.acquisition().run()
        return export
    }

    private func verify(_ image: String) async throws -> Verification.Result {
        try await Verification(image: image, version: "1", command: "scout verify").run(
            cancellation: Cancellation(), events: { _ in })
    }

    @Test func anUntouchedImageIsIntact() async throws {
        let export = try await acquired()
        let result = try await verify(export.image)
        #expect(result.isIntact)
        #expect(result.manifest.schema == "scout.verify/1")
        #expect(result.manifest.verified)
        #expect(result.manifest.manifestMatchesReport == true)
        #expect(result.manifest.hashes.count == 2)
        #expect(result.manifest.hashes.values.allSatisfy { $0.matches == true && $0.image == $0.recorded })
    }

    @Test(arguments: [0, 3_000_000, 6_000_000])
    func oneFlippedBitIsFound(offset: Int) async throws {
        let export = try await acquired()
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: export.image))
        try file.seek(toOffset: UInt64(offset))
        let byte = [UInt8](try #require(try file.read(upToCount: 1)))
        try writeBytes([byte[0] ^ 0x10], to: export.image, at: offset)
        let result = try await verify(export.image)
        #expect(!result.isIntact && !result.manifest.verified)
        #expect(result.manifest.hashes.values.allSatisfy { $0.matches == false })
    }

    @Test func missingAndAddedBytesAreFound() async throws {
        let export = try await acquired()
        truncate(export.image, 6_000_000)
        let short = try await verify(export.image)
        #expect(!short.isIntact)
        #expect(short.manifest.image.sizeBytes == 6_000_000)
        #expect(short.manifest.image.recordedSizeBytes == 6_000_001)
        truncate(export.image, 6_000_002)
        #expect(try await !verify(export.image).isIntact)
    }

    @Test func aChangedManifestIsFound() async throws {
        let export = try await acquired()
        let path = export.image + ".scout.json"
        let old = try String(contentsOfFile: path, encoding: .utf8)
        let digest = try coreutils(.sha256, export.image)
        let forged = old.replacingOccurrences(of: digest, with: String(repeating: "a", count: 64))
        try forged.write(toFile: path, atomically: false, encoding: .utf8)
        let result = try await verify(export.image)
        #expect(!result.isIntact)
        #expect(result.manifest.hashes["sha256"]?.matches == false)
        #expect(result.manifest.hashes["md5"]?.matches == true)

        // A change that leaves the hashes alone shows by the report, which names the manifest's own hash.
        try old.replacingOccurrences(of: "evidence0", with: "evidence1")
            .write(toFile: path, atomically: false, encoding: .utf8)
        let renamed = try await verify(export.image)
        #expect(renamed.manifest.manifestMatchesReport == false)
        #expect(!renamed.isIntact)
    }

    @Test func whatIsMissingHasItsOwnCode() async throws {
        let export = try await acquired(1000)
        #expect(await scoutError { _ = try await verify(export.image + ".none") }?.code == .noSource)
        try FileManager.default.removeItem(atPath: export.image + ".txt")
        #expect(try await verify(export.image).isIntact)
        for text in ["", "{", "{}", "[1]", #"{"schema":"scout.acquire/1"}"#] {
            try text.write(toFile: export.image + ".scout.json", atomically: false, encoding: .utf8)
            #expect(await scoutError { _ = try await verify(export.image) }?.code == .badData)
        }
        try FileManager.default.removeItem(atPath: export.image + ".scout.json")
        #expect(await scoutError { _ = try await verify(export.image) }?.code == .badData)
    }

    /// What adds up in no way was written by no acquisition; sums that overflow once ended the program.
    @Test func aManifestThatContradictsItselfIsNotBelieved() async throws {
        let export = try await acquired(1 << 20)
        let path = export.image + ".scout.json"
        let written = try String(contentsOfFile: path, encoding: .utf8)
        let digest = try coreutils(.sha256, export.image)
        let huge = #"{"lengthBytes":18446744073709551615,"offsetBytes":0}"#
        let (hash, bad) = (#""image" : "\#(digest)""#, #""badRanges" : ["#)
        let (read, unreadable) = (#""readBytes" : 1048576"#, #""unreadableBytes" : 0"#)
        let changes: [(String, String)] = [
            (hash, hash + #", "source" : "\#(String(repeating: "f", count: 64))""#),
            (bad, bad + huge + "," + huge), (bad, bad + #"{"lengthBytes":512,"offsetBytes":0}"#),
            (bad, bad + #"{"lengthBytes":512,"offsetBytes":1048576}"#),
            (read, #""readBytes" : 0"#), (read, #""readBytes" : 18446744073709551615"#),
            (unreadable, #""unreadableBytes" : 512"#), (unreadable, #""unreadableBytes" : 18446744073709551615"#),
            (#""promisedZeroRangeCount" : 0"#, #""promisedZeroRangeCount" : -5"#),
        ]
        for (old, new) in changes {
            let text = written.replacingOccurrences(of: old, with: new)
            #expect(text != written, "\(old)")
            try text.write(toFile: path, atomically: false, encoding: .utf8)
            #expect(await scoutError { _ = try await verify(export.image) }?.code == .badData, "\(new)")
        }
        // Another program may have written the same digits as capitals.
        try written.replacingOccurrences(of: digest, with: digest.uppercased())
            .write(toFile: path, atomically: false, encoding: .utf8)
        #expect(try await verify(export.image).manifest.hashes["sha256"]?.matches == true)
    }

    /// "There is no report" is said only where there is none.
    @Test func aReportThatCannotBeReadOrLostItsEndIsNotPassedOver() async throws {
        let export = try await acquired(1000)
        let report = export.image + ".txt"
        let text = try String(contentsOfFile: report, encoding: .utf8)
        // A mail program's line ends leave it what it is.
        try text.replacingOccurrences(of: "\n", with: "\r\n").write(toFile: report, atomically: false, encoding: .utf8)
        #expect(try await verify(export.image).isIntact)
        for part in ["", String(text.prefix(200))] {
            try part.write(toFile: report, atomically: false, encoding: .utf8)
            let result = try await verify(export.image)
            #expect(result.manifest.manifestMatchesReport == false && !result.isIntact)
        }
        unlink(report)
        for node in [report, export.image + ".scout.json"] {
            unlink(node)
            #expect(mkfifo(node, 0o600) == 0)
            let failure = await scoutError { _ = try await verify(export.image) }
            #expect(
                failure?.code == .badData && failure?.message.contains("neither") == true,
                "\(String(describing: failure))")
            unlink(node)
        }
    }

    @Test func aManifestWithoutHashesVerifiesNothing() async throws {
        let export = try await EvidenceExport(size: 1000)
        let result = try await export.acquisition([]).run()
        #expect(!result.manifest.verified)
        #expect(await scoutError { _ = try await verify(export.image) }?.code == .badData)
    }
}
