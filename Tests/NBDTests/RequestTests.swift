import Foundation
@testable import NBD
import Testing

@Suite struct NBDRequestTests {
    private final class Memory {
        let bytes: UnsafeMutableRawBufferPointer
        init(_ count: Int) {
            bytes = .allocate(byteCount: count, alignment: 16)
            bytes.initializeMemory(as: UInt8.self, repeating: 0x55)
        }
        deinit { bytes.deallocate() }
    }

    @Test func keepsManyReadsInFlightOverSeveralConnections() throws {
        let server = try NBDKitServer(["-r", "pattern", "8M"])
        let uri = try NBDURI(server.uri)
        let group = ConnectionGroup(try (0..<3).map { _ in try Connection(uri: uri) })
        let memory = Memory(8 << 20)
        for index in 0..<128 {
            let part = UnsafeMutableRawBufferPointer(rebasing: memory.bytes[index << 16..<(index + 1) << 16])
            try group.connections[index % 3].startRead(
                into: part, at: UInt64(index) << 16, token: index, owner: memory)
        }
        var seen = Set<Int>()
        while seen.count < 128 {
            for reply in try group.wait() {
                guard case .read = reply.outcome else {
                    Issue.record("read \(reply.token) failed")
                    return
                }
                seen.insert(reply.token)
            }
        }
        for offset in stride(from: 0, to: 8 << 20, by: 8) {
            let word = memory.bytes.load(fromByteOffset: offset, as: UInt64.self)
            try #require(UInt64(bigEndian: word) == UInt64(offset))
        }
        #expect(group.connections.reduce(0) { $0 + $1.receivedBytes } == 8 << 20)
    }

    @Test func describesHolesAsTheFileHasThem() throws {
        let server = try NBDKitServer(["-r", "file", "{dir}/disk"]) { directory in
            _ = FileManager.default.createFile(atPath: directory + "/disk", contents: nil)
            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: directory + "/disk"))
            try file.truncate(atOffset: 16 << 20)
            try file.seek(toOffset: 4 << 20)
            try file.write(contentsOf: Data(repeating: 1, count: 1 << 20))
        }
        let connection = try Connection(uri: NBDURI(server.uri))
        try connection.startBlockStatus(at: 1 << 20, count: 15 << 20, token: 7)
        let group = ConnectionGroup([connection])
        var replies: [Reply] = []
        while replies.isEmpty { replies = try group.wait() }
        let reply = try #require(replies.first)
        guard case .extents(let extents) = reply.outcome else {
            Issue.record("no extents")
            return
        }
        #expect(reply.token == 7)
        #expect(
            extents == [
                Extent(offset: 1 << 20, length: 3 << 20, isZero: true),
                Extent(offset: 4 << 20, length: 1 << 20, isZero: false),
                Extent(offset: 5 << 20, length: 11 << 20, isZero: true),
            ])
    }

    @Test func tellsAnErrorFromTheServerFromALostConnection() throws {
        let script = """
            if [ $4 -eq 4096 ]; then echo EIO bad sector >&2; exit 1; fi
            dd if=/dev/zero count=$3 bs=1 status=none
            """
        let server = try NBDKitServer(["-r", "eval", "get_size=echo 65536", "pread=\(script)"])
        let connection = try Connection(uri: NBDURI(server.uri))
        do {
            _ = try connection.read(at: 4096, count: 512)
            Issue.record("the read did not fail")
        } catch {
            #expect(error.kind == .serverError)
            #expect(error.code == EIO)
        }
        #expect(try connection.read(at: 0, count: 512) == [UInt8](repeating: 0, count: 512))
        server.kill()
        #expect(failure { _ = try connection.read(at: 0, count: 512) } == .connectionLost)
    }

    @Test func aSilentServerCountsAsLost() throws {
        let server = try NBDKitServer(["-r", "--filter=delay", "memory", "1M", "rdelay=60"])
        let connection = try Connection(uri: NBDURI(server.uri))
        let start = ContinuousClock.now
        let kind = failure { _ = try connection.read(at: 0, count: 512, deadline: .milliseconds(300)) }
        #expect(kind == .connectionLost)
        #expect(.now - start >= .milliseconds(290) && .now - start < .seconds(10))
    }

    /// The silence of one answer is not silence while bytes of it come in.
    @Test func aSlowServerIsNotSilent() throws {
        let server = try LyingServer(size: 1 << 20, pause: 200_000) { count in
            (0..<8).map { ($0 * count / 8, count / 8) }
        }
        let connection = try Connection(socket: server.client, exportName: "")
        let start = ContinuousClock.now
        #expect(try connection.read(at: 0, count: 1 << 16, deadline: .seconds(1)).count == 1 << 16)
        #expect(.now - start > .seconds(1))
    }

    /// libnbd's completion callback does not look whether all bytes came; the buffer would keep what was there before.
    @Test(arguments: [[0, 512], [512, 512], [0, 512, 0, 512]])
    func refusesAnAnswerThatDoesNotCoverTheRequest(parts: [Int]) throws {
        let chunks = stride(from: 0, to: parts.count, by: 2).map { (offset: parts[$0], length: parts[$0 + 1]) }
        let server = try LyingServer(size: 1 << 20) { count in count == 1024 ? chunks : [(0, count)] }
        let connection = try Connection(socket: server.client, exportName: "")
        #expect(try connection.read(at: 0, count: 2048) == [UInt8](repeating: 0xaa, count: 2048))
        #expect(failure { _ = try connection.read(at: 0, count: 1024) } == .protocolViolation)
    }

    @Test func acceptsPartsInAnyOrder() throws {
        let server = try LyingServer(size: 1 << 20) { count in [(count / 2, count / 2), (0, count / 2)] }
        let connection = try Connection(socket: server.client, exportName: "")
        #expect(try connection.read(at: 4096, count: 1024) == [UInt8](repeating: 0xaa, count: 1024))
    }
}

@Suite struct ExtentTests {
    private func parse(_ entries: [UInt32], from start: UInt64 = 1000, count: UInt64 = 100) -> [Extent]? {
        entries.withUnsafeBufferPointer { Extent.parse($0, from: start, count: count) }
    }

    @Test func mergesNeighboursAndCutsTheLast() {
        #expect(
            parse([10, 0, 20, 3, 30, 2, 400, 0]) == [
                Extent(offset: 1000, length: 10, isZero: false), Extent(offset: 1010, length: 50, isZero: true),
                Extent(offset: 1060, length: 40, isZero: false),
            ])
    }

    @Test func aHoleThatIsNotPromisedToBeZeroIsData() {
        #expect(parse([100, 1]) == [Extent(offset: 1000, length: 100, isZero: false)])
    }

    @Test func mayCoverLessThanWasAsked() {
        #expect(parse([5, 3]) == [Extent(offset: 1000, length: 5, isZero: true)])
    }

    @Test(arguments: [[], [1], [0, 0], [10, 0, 0, 3], [100, 0, 1, 0], [200, 0, 1, 0], [10, 0, 20]] as [[UInt32]])
    func refusesWhatTheProtocolForbids(entries: [UInt32]) {
        #expect(parse(entries) == nil)
    }
}
