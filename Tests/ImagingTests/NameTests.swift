import Core
import Foundation
import Imaging
import Testing

/// The names of an acquisition: made at the start, held, and never anybody else's.
@Suite struct NameTests {
    private let nowhere = "nbd+unix:///?socket=/nonexistent/socket"

    private func temporaryDirectory() throws -> String {
        let path = "/tmp/imaging-names-" + String(UInt32.random(in: 0 ... .max), radix: 36)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        return path
    }

    private func names(_ directory: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []).sorted()
    }

    @Test(arguments: ["", ".", "..", "sub/", "sub", "nothere/x.dd", "x.dd/y"])
    func aNameThatNamesNoNewFileIsRefused(name: String) async throws {
        let directory = try temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try FileManager.default.createDirectory(atPath: directory + "/sub", withIntermediateDirectories: false)
        try "precious".write(toFile: directory + "/x.dd", atomically: false, encoding: .utf8)
        #expect(
            await scoutError { _ = try ImageFiles(name.isEmpty ? "" : directory + "/" + name) }?.code == .cannotCreate)
        #expect(names(directory) == ["sub", "x.dd"])
    }

    /// The longest of the names must fit, and that is found before anybody is dialled.
    @Test func aNameThatIsTooLongIsRefusedAtTheStart() async throws {
        let directory = try temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        for length in [255 - ".scout.json".count + 1, 255 - ".partial".count + 1, 255, 256] {
            let image = directory + "/" + String(repeating: "x", count: length)
            let acquisition = Acquisition(
                uri: nowhere, source: SourceDescription(name: "x", path: "x"), image: image, hashes: [.sha256])
            #expect(await scoutError { _ = try await acquisition.run() }?.code == .cannotCreate, "\(length)")
        }
        #expect(names(directory).isEmpty)
    }

    @Test func theLongestNameThatFitsWorks() async throws {
        let export = try await EvidenceExport(size: 100_000)
        let name = String(repeating: "x", count: 255 - ".scout.json".count)
        _ = try await export.acquisition(image: export.directory + "/" + name).run()
        #expect(try areEqual(export.source, export.directory + "/" + name))
    }

    @Test func whatFailsBeforeTheFirstByteLeavesNothing() async throws {
        let directory = try temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let acquisition = Acquisition(
            uri: nowhere, source: SourceDescription(name: "x", path: "x"), image: directory + "/x.dd", hashes: [.sha256]
        )
        #expect(await scoutError { _ = try await acquisition.run() }?.code == .unreachable)
        #expect(names(directory).isEmpty)
    }

    /// Names that an older version used for a moment, and deleted without a look.
    @Test func filesBesideTheImageAreLeftAlone() async throws {
        let export = try await EvidenceExport(size: 100_000)
        let others = ["image.dd.scout.json.partial", "image.dd.txt.partial"]
        for name in others {
            try "precious".write(toFile: export.directory + "/" + name, atomically: false, encoding: .utf8)
        }
        _ = try await export.acquisition().run()
        for name in others {
            #expect(try String(contentsOfFile: export.directory + "/" + name, encoding: .utf8) == "precious")
        }
    }

    @Test func aSecondAcquisitionOfTheSameNameIsRefusedAndHarmsNothing() async throws {
        let export = try await EvidenceExport(size: 100_000)
        let first = try ImageFiles(export.image)
        #expect(export.remains == ["image.dd.partial", "image.dd.scout.json", "image.dd.txt"])
        let error = await scoutError { _ = try await export.acquisition().run() }
        #expect(error?.code == .cannotCreate)
        #expect(error?.message.contains("another acquisition") == true)
        let acquisition = Acquisition(
            uri: export.uri, source: SourceDescription(name: "x", path: "x"), files: first, hashes: [.sha256])
        #expect(try await acquisition.run().manifest.verified)
        #expect(try areEqual(export.source, export.image))
    }

    /// A server that holds its answer back for a minute, unless the test ends before.
    private func haltedExport() async throws -> EvidenceExport {
        try await EvidenceExport(size: 5 << 20, ["-r", "--filter=delay", "file", "{dir}/source", "rdelay=60"])
    }

    /// What is done beside the image, and the file of somebody else's that must outlive it.
    @Test(arguments: [
        ("rm image.dd.partial", ""), ("rm image.dd.partial && echo x > image.dd.partial", "image.dd.partial"),
        ("echo x > y && mv y image.dd.partial", "image.dd.partial"), ("mv image.dd.partial elsewhere", ""),
        ("rm image.dd.scout.json", ""), ("echo x > y && mv y image.dd.txt", "image.dd.txt"),
        ("echo x > image.dd", "image.dd"), ("ln -s /nowhere image.dd", "image.dd"),
    ])
    func aFileThatIsTakenAwayIsNoticedAtOnce(attack: String, survivor: String) async throws {
        let export = try await haltedExport()
        let acquisition = export.acquisition()
        let task = Task { try await acquisition.run() }
        try await eventually("the partial image") { allocated(export) == 5 << 20 }
        let start = ContinuousClock.now
        try Child(["sh", "-c", "cd \(export.directory) && \(attack)"]).wait()
        let error = await scoutError { _ = try await task.value }
        // A second is what is promised; the rest is for a busy machine.
        #expect(.now - start < .seconds(5))
        #expect(error?.code == .cannotCreate)
        let isPartialOurs = !attack.contains("image.dd.partial")
        #expect(export.remains == [survivor, isPartialOurs ? "image.dd.partial" : ""].filter { !$0.isEmpty }.sorted())
        #expect(isPartialOurs == (error?.message.contains("lies in") == true))
    }

    @Test func aPartialImageThatGoesWhileTheSourceIsHashedIsNoticedToo() async throws {
        let export = try await EvidenceExport(size: 100_000)
        let partial = export.image + ".partial"
        let acquisition = export.acquisition {
            unlink(partial)
            try await Task.sleep(for: .seconds(60))
            return [:]
        }
        let start = ContinuousClock.now
        #expect(await scoutError { _ = try await acquisition.run() }?.code == .cannotCreate)
        #expect(.now - start < .seconds(5))
        #expect(export.remains.isEmpty)
    }

    private func allocated(_ export: EvidenceExport) -> Int {
        var status = stat()
        return stat(export.image + ".partial", &status) == 0 ? Int(status.st_size) : -1
    }

    /// Root may write anywhere, so this one asks a file system that nobody can write to.
    @Test func aDirectoryThatCannotBeWrittenIsRefusedAtTheStart() async throws {
        let acquisition = Acquisition(
            uri: nowhere, source: SourceDescription(name: "x", path: "x"), image: "/proc/x.dd", hashes: [.sha256])
        #expect(await scoutError { _ = try await acquisition.run() }?.code == .cannotCreate)
    }
}
