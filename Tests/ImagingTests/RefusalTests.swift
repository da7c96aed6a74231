import Core
import Foundation
import Imaging
import Testing

@Suite struct AcquisitionRefusalTests {
    @Test(arguments: ["image.dd", "image.dd.partial", "image.dd.scout.json", "image.dd.txt"])
    func nothingIsEverOverwritten(name: String) async throws {
        let export = try await EvidenceExport(size: 100_000)
        let path = export.directory + "/" + name
        try "precious".write(toFile: path, atomically: false, encoding: .utf8)
        let error = await scoutError { _ = try await export.acquisition().run() }
        #expect(error?.code == .cannotCreate)
        #expect(error?.hint != nil)
        #expect(export.remains == [name])
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "precious")
    }

    @Test func aDanglingLinkIsNotFollowed() async throws {
        let export = try await EvidenceExport(size: 100_000)
        symlink(export.directory + "/elsewhere", export.image + ".partial")
        #expect(await scoutError { _ = try await export.acquisition().run() }?.code == .cannotCreate)
        #expect(!FileManager.default.fileExists(atPath: export.directory + "/elsewhere"))
    }

    @Test func aWritableExportIsRefused() async throws {
        let export = try await EvidenceExport(size: 100_000, ["file", "{dir}/source"])
        let error = await scoutError { _ = try await export.acquisition().run() }
        #expect(error?.code == .refused)
        #expect(export.remains.isEmpty)
    }

    @Test func anotherSizeThanTheSourcesIsRefused() async throws {
        let export = try await EvidenceExport(size: 100_000)
        let error = await scoutError { _ = try await export.acquisition(sizeBytes: 100_001).run() }
        #expect(error?.code == .badData)
        #expect(error?.message.contains("100000") == true && error?.message.contains("100001") == true)
        #expect(export.remains.isEmpty)
    }

    @Test func aDirectoryThatIsNotThereIsNamed() async throws {
        let export = try await EvidenceExport(size: 100_000)
        let error = await scoutError { _ = try await export.acquisition(image: "/nonexistent/dir/x.dd").run() }
        #expect(error?.code == .cannotCreate)
    }

    @Test func aDiskLargerThanTheFreeSpaceIsRefusedBeforehand() async throws {
        let export = try await EvidenceExport(size: 0, ["-r", "memory", "4E"])
        let error = await scoutError { _ = try await export.acquisition().run() }
        #expect(error?.code == .io)
        #expect(error?.message.contains("disk is full") == true)
        #expect(error?.message.contains("\(4 << 60)") == true)
        #expect(export.remains.isEmpty)
    }

    @Test func aServerThatIsNotThereIsUnreachable() async throws {
        let export = try await EvidenceExport(size: 100_000, [])
        #expect(await scoutError { _ = try await export.acquisition().run() }?.code == .unreachable)
        let uri = "nbd://127.0.0.1:1/x"
        #expect(await scoutError { _ = try await export.acquisition(uri: uri).run() }?.code == .unreachable)
    }

    @Test func encryptedIsEncryptedOrNothing() async throws {
        func key(_ byte: UInt8, _ name: String, _ directory: String) throws {
            let text = "scout:" + String(repeating: String(format: "%02x", byte), count: 32) + "\n"
            try text.write(toFile: directory + "/" + name, atomically: false, encoding: .utf8)
        }
        let export = try await EvidenceExport(
            size: 5_000_000, seed: 3, ["-r", "--tls=require", "--tls-psk={dir}/key", "file", "{dir}/source"],
            prepare: {
                try key(1, "key", $0)
                try key(2, "wrong", $0)
            })
        func uri(_ name: String) -> String {
            "nbds+unix://scout@/?socket=\(export.directory)/socket&tls-psk-file=\(export.directory)/\(name)"
        }
        #expect(await scoutError { _ = try await export.acquisition(uri: uri("wrong")).run() }?.code == .refused)
        #expect(export.remains.isEmpty)
        let result = try await export.acquisition(uri: uri("key")).run()
        #expect(result.manifest.source.tls == "psk")
        #expect(result.manifest.source.peerAuthentication == "psk")
        let report = try String(contentsOfFile: result.reportPath, encoding: .utf8)
        #expect(report.contains("Server authentication:   pre-shared key"))
        #expect(!result.manifest.source.uri.contains("tls-psk-file"))
        #expect(try areEqual(export.source, export.image))

        let plain = try await EvidenceExport(size: 1000)
        let wish = "nbds+unix://scout@/?socket=\(plain.directory)/socket&tls-psk-file=\(export.directory)/key"
        #expect(await scoutError { _ = try await plain.acquisition(uri: wish).run() }?.code == .refused)
    }

    /// CVE-2024-7383: libnbd 1.14 takes any certificate for any name. Nothing is dialled, so no server stands here.
    @Test(arguments: ["nbds://127.0.0.1:1/x", "nbds://scout@127.0.0.1:1/x", "nbds+unix:///x?socket=/nonexistent/s"])
    func tlsThatAuthenticatesNobodyIsRefused(uri: String) async throws {
        let export = try await EvidenceExport(size: 0, [])
        let error = await scoutError { _ = try await export.acquisition(uri: uri).run() }
        #expect(error?.code == .refused)
        #expect(error?.message.contains("nothing proves who the server is") == true)
        #expect(error?.hint?.contains("tls-psk-file") == true)
        #expect(export.remains.isEmpty)
    }

    @Test func aManifestSaysThatNobodyWasAuthenticated() async throws {
        let export = try await EvidenceExport(size: 1000)
        let result = try await export.acquisition().run()
        #expect(result.manifest.source.peerAuthentication == "none")
        #expect(result.manifest.source.tls == "off")
        #expect(
            try String(contentsOfFile: result.reportPath, encoding: .utf8).contains(
                "Server authentication:   none"))
    }
}
