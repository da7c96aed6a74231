import Core
import Foundation
import Imaging
import Platform
import Testing

/// What goes wrong on the way: the disk, the link, the laptop's own disk, the user's patience.
@Suite struct AcquisitionFaultTests {
    private static let size = 24 << 20

    /// A disk without zeros whose given stretches cannot be read. It is larger than the pipeline's memory, so that a
    /// stretch which nobody fills shows what was there before.
    private func badDisk(_ bad: [Range<Int>], code: String = "EIO") async throws -> EvidenceExport {
        let checks = bad.map { range in
            """
            if [ $4 -lt \(range.upperBound) ] && [ $(($4 + $3)) -gt \(range.lowerBound) ]
            then echo \(code) bad >&2; exit 1
            fi
            """
        }
        let pread =
            checks.joined(separator: "\n") + """

                dd if={dir}/source iflag=skip_bytes,count_bytes,fullblock skip=$4 count=$3 bs=1M status=none
                """
        return try await EvidenceExport(
            size: 0, ["-r", "eval", "get_size=echo \(Self.size)", "pread=\(pread)"],
            prepare: {
                try Data(repeating: 0xff, count: Self.size).write(to: URL(fileURLWithPath: $0 + "/source"))
            })
    }

    /// What the image must be: the source, with zeros where it cannot be read.
    private func expect(_ export: EvidenceExport, filled: [Range<Int>]) throws {
        var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: export.source)))
        for range in filled { bytes.replaceSubrange(range, with: repeatElement(0, count: range.count)) }
        #expect(bytes == [UInt8](try Data(contentsOf: URL(fileURLWithPath: export.image))))
    }

    @Test(arguments: ["EIO", "EREMOTEIO"])
    func unreadableSectorsAreFilledAndMapped(code: String) async throws {
        let sectors = [512..<1024, (21 << 20) - 512..<(21 << 20) + 1024, Self.size - 512..<Self.size]
        let export = try await badDisk(sectors, code: code)
        let result = try await export.acquisition().run()
        #expect(
            result.manifest.badRanges.map { Int($0.offsetBytes)..<Int($0.offsetBytes + $0.lengthBytes) } == sectors)
        try expect(export, filled: sectors)
        #expect(try result.manifest.hashes["sha256"]?.image == coreutils(.sha256, export.image))
        #expect(result.manifest.verified)
        let unreadable = result.manifest.readErrors.filter { $0.outcome == .unreadable }
        #expect(unreadable.reduce(0) { $0 + $1.lengthBytes } == 512 + 1536 + 512)
        #expect(unreadable.allSatisfy { $0.errno != 0 && $0.retries == 1 })
        let text = try String(contentsOfFile: result.reportPath, encoding: .utf8)
        #expect(text.contains("offset 512, length 512"))
        #expect(text.contains("2560 bytes in 3 ranges could not be read"))
    }

    @Test func partOfASectorCostsTheSectorOnly() async throws {
        let export = try await badDisk([1_000_000..<1_000_001])
        let result = try await export.acquisition().run()
        #expect(result.manifest.badRanges.map(\.offsetBytes) == [1_000_000 / 512 * 512])
        #expect(result.manifest.badRanges.map(\.lengthBytes) == [512])
    }

    /// An error of the server's own, such as no memory, says nothing about a sector.
    @Test func anErrorThatIsNotTheDisksEndsTheAcquisition() async throws {
        let export = try await badDisk([512..<1024], code: "ENOMEM")
        let error = await scoutError { _ = try await export.acquisition().run() }
        #expect(error?.code == .io)
        #expect(export.remains == ["image.dd.partial"])
    }

    @Test func aReadThatSucceedsTheSecondTimeIsNoBadSector() async throws {
        let pread = """
            if [ $4 -eq 0 ] && mkdir {dir}/once 2>/dev/null; then echo EIO bad >&2; exit 1; fi
            dd if={dir}/source iflag=skip_bytes,count_bytes,fullblock skip=$4 count=$3 bs=1M status=none
            """
        let export = try await EvidenceExport(
            size: 8 << 20, ["-r", "eval", "get_size=echo \(8 << 20)", "pread=\(pread)"])
        let result = try await export.acquisition().run()
        #expect(result.manifest.badRanges.isEmpty)
        #expect(result.manifest.readErrors.map(\.outcome) == [.recovered])
        #expect(result.manifest.readErrors.first?.errno == Int(EIO))
        #expect(try areEqual(export.source, export.image))
    }

    /// 16 MiB of data; the second half comes when the file `go` is there, a minute later at the latest.
    private func haltingExport() async throws -> EvidenceExport {
        let pread = """
            tries=0
            while [ $4 -ge 8388608 ] && [ -d {dir} ] && [ ! -e {dir}/go ] && [ $tries -lt 1200 ]
            do sleep 0.05; tries=$((tries + 1))
            done
            dd if={dir}/source iflag=skip_bytes,count_bytes,fullblock skip=$4 count=$3 bs=1M status=none
            """
        return try await EvidenceExport(
            size: 0, ["-r", "eval", "get_size=echo \(16 << 20)", "pread=\(pread)"],
            prepare: { directory in
                let noise = try FileHandle(forReadingFrom: URL(fileURLWithPath: "/dev/urandom"))
                let data = try #require(try noise.read(upToCount: 16 << 20))
                try data.write(to: URL(fileURLWithPath: directory + "/source"))
            })
    }

    /// Acquires, and lets something happen between the two halves.
    private func acquire(
        _ export: EvidenceExport, image: String? = nil, cancellation: Cancellation<ScoutError>,
        goOn: Bool = true, meanwhile event: @Sendable () throws -> Void
    ) async throws -> Result<Acquisition.Result, any Error> {
        let partial = (image ?? export.image) + ".partial"
        let acquisition = export.acquisition(image: image)
        let task = Task { try await acquisition.run(cancellation: cancellation) { _ in } }
        do {
            try await eventually("the first data") { allocatedBytes(partial) > 0 }
            try event()
        } catch {
            cancellation.cancel()
            throw error
        }
        if goOn { _ = FileManager.default.createFile(atPath: export.directory + "/go", contents: nil) }
        return await task.result
    }

    @Test func aLostConnectionIsNoBadSector() async throws {
        let export = try await haltingExport()
        nonisolated(unsafe) let server = export
        let result = try await acquire(export, cancellation: Cancellation()) { server.kill() }
        let error = await scoutError { _ = try result.get() }
        #expect(error?.code == .unreachable)
        #expect(error?.message.contains(export.image + ".partial") == true)
        #expect(export.remains == ["image.dd.partial"])
    }

    @Test func aServerThatFallsSilentCountsAsLost() async throws {
        let export = try await EvidenceExport(
            size: 5 << 20, ["-r", "--filter=delay", "file", "{dir}/source", "rdelay=60"])
        var options = Acquisition.Options()
        options.inactivityTimeout = .milliseconds(500)
        let start = ContinuousClock.now
        let error = await scoutError { _ = try await export.acquisition(options: options).run() }
        #expect(error?.code == .unreachable)
        #expect(.now - start < .seconds(40))
        #expect(export.remains == ["image.dd.partial"])
    }

    @Test func cancellingLeavesOnlyThePartialImage() async throws {
        let export = try await haltingExport()
        let cancellation = try Cancellation()
        let start = ContinuousClock.now
        let result = try await acquire(export, cancellation: cancellation, goOn: false) { cancellation.cancel() }
        // The server holds the second half back for a minute.
        #expect(.now - start < .seconds(40))
        #expect(await scoutError { _ = try result.get() }?.code == .interrupted)
        #expect(export.remains == ["image.dd.partial"])
    }

    @Test func cancellingDoesNotWaitForTheSourcesHash() async throws {
        let export = try await EvidenceExport(size: 100_000)
        let cancellation = try Cancellation()
        let acquisition = export.acquisition {
            cancellation.cancel()
            try? await Task.sleep(for: .seconds(60))
            return [:]
        }
        let start = ContinuousClock.now
        let error = await scoutError { _ = try await acquisition.run(cancellation: cancellation) { _ in } }
        #expect(error?.code == .interrupted)
        #expect(.now - start < .seconds(40))
        #expect(export.remains == ["image.dd.partial"])
    }

    /// The byte changes behind the stream's back, as on a disk that does not keep what it is given.
    @Test func whatTheMediumDoesNotKeepIsFoundByReadingAgain() async throws {
        let export = try await haltingExport()
        let partial = export.image + ".partial"
        let result = try await acquire(export, cancellation: Cancellation()) {
            let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: partial))
            let byte = try #require(try file.read(upToCount: 1)?.first)
            try writeBytes([byte ^ 1], to: partial, at: 0)
        }
        let error = await scoutError { _ = try result.get() }
        #expect(error?.code == .failed)
        #expect(error?.message.contains("MD5") == true)
        #expect(export.remains == ["image.dd.partial"])
    }

    @Test(.enabled(if: FaultyDisk.isAllowed, "user namespaces are not allowed here"))
    func aDiskThatFillsUpOnTheWayIsSaidSo() async throws {
        let export = try await haltingExport()
        let disk = try FaultyDisk(megabytes: 20)
        let filler = disk.path + "/filler"
        let image = disk.path + "/image.dd"
        let result = try await acquire(export, image: image, cancellation: Cancellation()) {
            let bytes = [UInt8](repeating: 1, count: 1 << 20)
            let descriptor = open(filler, O_WRONLY | O_CREAT, 0o600)
            defer { close(descriptor) }
            while write(descriptor, bytes, bytes.count) > 0 {}
        }
        let error = await scoutError { _ = try result.get() }
        #expect(error?.code == .io)
        #expect(error?.message.contains("disk is full") == true)
        #expect(disk.names == ["filler", "image.dd.partial"])
    }

    /// A disk that died: the kernel does not return from the call, and the user is not kept by it.
    @Test(
        .enabled(if: FaultyDisk.canFail, "user namespaces or /dev/fuse are not open to this user"),
        arguments: [
            "write:HANG:3", "fsync:HANG", "read:HANG", "rename2:HANG:2",
        ])
    func aDiskThatDoesNotAnswerHoldsNobody(fault: String) async throws {
        let export = try await EvidenceExport(size: 8 << 20)
        let disk = try FaultyDisk(faults: [fault])
        let cancellation = try Cancellation()
        let acquisition = export.acquisition(image: disk.path + "/x.dd")
        let task = Task { try await acquisition.run(cancellation: cancellation) { _ in } }
        try await Task.sleep(for: .milliseconds(800))
        let start = ContinuousClock.now
        cancellation.cancel()
        let error = await scoutError { _ = try await task.value }
        #expect(error?.code == .interrupted)
        #expect(.now - start < .seconds(8))
    }

    /// Nobody speaks there for ten seconds; the user does not wait that long.
    @Test func cancellingEndsTheDialAtOnce() async throws {
        let directory = "/tmp/imaging-mute-" + String(UInt32.random(in: 0 ... .max), radix: 36)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let path = directory + "/socket"
        let program = """
            import os, socket, time
            s = socket.socket(socket.AF_UNIX); s.bind("\(path).new"); s.listen(4)
            os.rename("\(path).new", "\(path)"); time.sleep(60)
            """
        let server = try Child(["python3", "-c", program])
        try await eventually("the listener") { FileManager.default.fileExists(atPath: path) }
        let cancellation = try Cancellation()
        let acquisition = Acquisition(
            uri: "nbd+unix:///?socket=\(path)", source: SourceDescription(name: "x", path: "x"),
            image: directory + "/x.dd", hashes: [.md5])
        let task = Task { try await acquisition.run(cancellation: cancellation) { _ in } }
        try await Task.sleep(for: .milliseconds(300))
        let start = ContinuousClock.now
        cancellation.cancel()
        #expect(await scoutError { _ = try await task.value }?.code == .interrupted)
        #expect(.now - start < .seconds(2))
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["socket"])
        server.kill()
    }
}
