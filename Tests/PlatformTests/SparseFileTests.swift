import Glibc
import Platform
import Testing

@Suite struct SparseFileTests {
    @Test func dataIsFoundBetweenHoles() throws {
        let path = "/tmp/platform-sparse-" + String(UInt32.random(in: 0 ... .max), radix: 36)
        defer { unlink(path) }
        let file = open(path, O_RDWR | O_CREAT | O_EXCL, 0o600)
        defer { close(file) }
        let size: Int64 = 64 << 20
        try #require(file >= 0 && ftruncate(file, off_t(size)) == 0)
        try #require(pwrite(file, [1], 1, off_t(size / 2)) == 1)
        let data = try #require(LinuxFile.nextData(of: file, from: 0))
        #expect(data.contains(size / 2) && data.count <= 1 << 20)
        #expect(LinuxFile.nextData(of: file, from: data.upperBound) == data.upperBound..<data.upperBound)
    }

    @Test func whatKnowsNoHolesIsToldApart() throws {
        let ends = try PipeEnds()
        defer { ends.close() }
        #expect(LinuxFile.nextData(of: ends.read, from: 0) == nil)
        #expect(LinuxFile.nextData(of: -1, from: 0) == nil)
    }

    @Test func bytesAreTwoDigitsEach() {
        #expect((0...255 as ClosedRange<UInt8>).hexadecimal.utf8.count == 512)
        #expect(([0, 1, 0x0f, 0x10, 0xab, 0xff] as [UInt8]).hexadecimal == "00010f10abff")
        #expect([UInt8]().hexadecimal.isEmpty)
    }
}
