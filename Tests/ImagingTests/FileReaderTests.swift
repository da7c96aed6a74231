import Core
import Foundation
import Platform
import Testing

@testable import Imaging

/// Reading a file again: past the page cache or through it, with and without holes, the same bytes come out.
@Suite struct FileReaderTests {
    private func temporaryFile() -> String {
        "/tmp/imaging-file-" + String(UInt32.random(in: 0 ... .max), radix: 36)
    }

    /// What comes out of a reader, and how many bytes it has read for that.
    private func read(_ path: String, direct: CInt?, size: UInt64? = nil) throws -> (bytes: [UInt8], read: UInt64) {
        let descriptor = try FileSystem.openToRead(path, path)
        defer { close(descriptor) }
        FileSystem.forgetCache(descriptor)
        let sink = CollectingSink()
        var wireBytes: UInt64 = 0
        let pipeline = try Pipeline(phase: .verifying, cancellation: Cancellation()) { wireBytes = $0.wireBytes }
        let size = try size ?? FileSystem.size(descriptor, path: path)
        try pipeline.run(
            FileReader(descriptor: descriptor, direct: direct, path: path, sizeBytes: size), into: [sink])
        return (sink.bytes, wireBytes)
    }

    @Test(arguments: [0, 1, 4095, 4096, 4097, (2 << 20) - 1, 2 << 20, (2 << 20) + 1, 23_456_789])
    func bothWaysGiveTheFilesBytes(size: Int) throws {
        let path = temporaryFile()
        defer { unlink(path) }
        try EvidenceExport.makeDisk(path, size: size, seed: UInt64(size))
        let expected = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        let file = open(path, O_RDWR)
        defer { close(file) }
        // Whether it is to be had depends on the file system of /tmp.
        let direct = FileSystem.openDirect(path, O_RDWR, as: file)
        defer { if let direct { close(direct) } }
        #expect(try read(path, direct: direct).bytes == expected)
        #expect(try read(path, direct: nil).bytes == expected)
    }

    /// A descriptor that can't be read, one of another kind, and one whose file system knows no such reads.
    @Test(arguments: ["write only", "pipe", "closed"])
    func whereTheDirectWayFailsTheOtherIsTaken(kind: String) throws {
        let path = temporaryFile()
        defer { unlink(path) }
        try EvidenceExport.makeDisk(path, size: 5_000_001, seed: 4)
        var ends: [CInt] = [-1, -1]
        try #require(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        let writeOnly = open(path, O_WRONLY)
        defer { close(writeOnly) }
        let direct = kind == "pipe" ? ends[0] : kind == "closed" ? -1 : writeOnly
        let expected = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        #expect(try read(path, direct: direct).bytes == expected)
    }

    @Test func holesAreNotReadFromTheFile() throws {
        let path = temporaryFile()
        defer { unlink(path) }
        let file = open(path, O_RDWR | O_CREAT, 0o600)
        defer { close(file) }
        try #require(ftruncate(file, 64 << 20) == 0)
        try writeBytes([UInt8](repeating: 7, count: 4096), to: path, at: 40 << 20)
        let found = try read(path, direct: nil)
        #expect(found.bytes.count == 64 << 20 && found.read <= 128 << 10)
        #expect(found.bytes[40 << 20] == 7 && found.bytes.reduce(0) { $0 + Int($1) } == 7 * 4096)
    }

    /// A file that has become shorter is no image of zeros.
    @Test(arguments: [true, false])
    func aFileThatEndsBeforeItsSizeIsAnError(direct isDirect: Bool) throws {
        let path = temporaryFile()
        defer { unlink(path) }
        try Data(repeating: 1, count: 3_000_000).write(to: URL(fileURLWithPath: path))
        let file = open(path, O_RDWR)
        defer { close(file) }
        let direct = isDirect ? FileSystem.openDirect(path, O_RDONLY, as: file) : nil
        defer { if let direct { close(direct) } }
        var error: ScoutError?
        do { _ = try read(path, direct: direct, size: 3_000_001) } catch let caught { error = caught as? ScoutError }
        #expect(
            error?.code == .io && error?.message.contains("ends at byte 3000000") == true,
            "\(String(describing: error))")
    }
}
