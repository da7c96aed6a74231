import Core
import Foundation
import Imaging
import Platform
import Testing

/// A disk that takes everything and fails afterwards: the error is told once, by whichever call comes next.
@Suite(.enabled(if: FaultyDisk.canFail, "user namespaces or /dev/fuse are not open to this user"))
struct LateErrorTests {
    private static let size = 24 << 20

    private func export() async throws -> EvidenceExport {
        try await EvidenceExport(
            size: 0,
            prepare: { try Data(repeating: 7, count: Self.size).write(to: URL(fileURLWithPath: $0 + "/source")) })
    }

    /// The image is not read again here, so that only the calls' own results can tell.
    @Test(arguments: [
        "write:ENOSPC:3:1", "write:EIO:0:1", "write:EIO:12:1", "write:ENOSPC:23:1", "write:EDQUOT:20", "fsync:EIO:0:1",
        "fsync:ENOSPC:0:1", "flush:EIO:0:1", "flush:ENOSPC:0:1",
    ])
    func theFirstErrorOfTheImageIsTheVerdict(fault: String) async throws {
        let export = try await export()
        let disk = try FaultyDisk(faults: [fault])
        var options = Acquisition.Options()
        options.verify = false
        let acquisition = export.acquisition(image: disk.path + "/x.dd", options: options)
        let error = await scoutError { _ = try await acquisition.run() }
        #expect(error?.code == .io)
        #expect(error?.message.contains("disk is full") == !fault.contains("EIO"))
        #expect(error?.message.contains("what was read lies in \(disk.path)/x.dd.partial") == true)
        #expect(disk.names == ["x.dd.partial"])
    }

    /// The image's own fsync and flush are the first, its manifest's the second, its report's the third.
    @Test(arguments: ["fsync:EIO:1:1", "flush:ENOSPC:1:1", "write:ENOSPC:24:1", "fsync:EIO:2:1", "flush:EIO:2:1"])
    func anErrorOfTheCompanionsIsTold(fault: String) async throws {
        let export = try await export()
        let disk = try FaultyDisk(faults: [fault])
        let error = await scoutError { _ = try await export.acquisition(image: disk.path + "/x.dd").run() }
        #expect(error?.code == .io)
        #expect(!disk.names.contains("x.dd"))
        // A manifest that is on its medium is never taken away again.
        let isProven = fault.contains(":2:")
        #expect(disk.names == (isProven ? ["x.dd.partial", "x.dd.scout.json", "x.dd.txt"] : ["x.dd.partial"]))
        if isProven { #expect(error?.hint?.contains("mv -n") == true) }
    }

    @Test(arguments: ["fsyncdir:EIO:1:1", "rename2:EIO:2", "rename2:ENOSPC:2"])
    func aNameThatCannotBeGivenLeavesTheProvenManifest(fault: String) async throws {
        let export = try await export()
        let disk = try FaultyDisk(faults: [fault])
        let image = disk.path + "/x.dd"
        let error = await scoutError { _ = try await export.acquisition(image: image).run() }
        #expect(error?.code == .io)
        #expect(disk.names == ["x.dd.partial", "x.dd.scout.json", "x.dd.txt"])
        #expect(rename(image + ".partial", image) == 0)
        let verification = Verification(image: image, version: "1", command: "")
        #expect(try await verification.run(cancellation: Cancellation(), events: { _ in }).isIntact)
    }

    @Test func aNameThatMayNotLastIsTold() async throws {
        let export = try await export()
        let disk = try FaultyDisk(faults: ["fsyncdir:EIO:2:1"])
        let error = await scoutError { _ = try await export.acquisition(image: disk.path + "/x.dd").run() }
        #expect(error?.code == .io)
        #expect(disk.names == ["x.dd", "x.dd.scout.json", "x.dd.txt"])
    }

    /// As on vfat's and NFS's relatives: the image cannot be given its name, and that is known before the first byte.
    @Test(arguments: ["exclusive:EINVAL", "exclusive:EPERM", "rename2:EACCES", "fsyncdir:EIO", "create:ENOSPC:2"])
    func whatCannotBeDoneAtTheEndIsRefusedAtTheStart(fault: String) async throws {
        let disk = try FaultyDisk(faults: [fault])
        // Nothing listens there: whoever dials before the names are made says `unreachable`.
        let acquisition = Acquisition(
            uri: "nbd+unix:///?socket=/nonexistent/socket", source: SourceDescription(name: "x", path: "x"),
            image: disk.path + "/x.dd", hashes: [.sha256])
        #expect(await scoutError { _ = try await acquisition.run() }?.code == .cannotCreate)
        #expect(disk.names.isEmpty)
    }

    @Test func aFileSystemThatOnlyLinksGivesTheNameByLink() async throws {
        let export = try await export()
        let disk = try FaultyDisk(faults: ["rename2:EINVAL"])
        let result = try await export.acquisition(image: disk.path + "/x.dd").run()
        #expect(result.manifest.verified)
        #expect(disk.names == ["x.dd", "x.dd.scout.json", "x.dd.txt"])
        #expect(try areEqual(export.source, disk.path + "/x.dd"))
    }
}
