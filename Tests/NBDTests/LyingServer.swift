import Foundation
import Testing

/// Enough of an NBD server to break the protocol: it answers each read with the chunks that the test chooses.
///
/// No real server sends such answers, and a client that believes them writes old memory into evidence.
final class LyingServer {
    /// The client's end.
    let client: CInt

    /// - Parameters:
    ///   - size: of the export.
    ///   - chunks: for a read, the parts to send, as offset into the request and length; all of them filled with 0xAA.
    ///   - pause: microseconds to wait before each part.
    init(
        size: UInt64, pause: UInt32 = 0, chunks: @escaping @Sendable (_ count: Int) -> [(offset: Int, length: Int)]
    ) throws {
        var ends: [CInt] = [0, 0]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        client = ends[0]
        let server = ends[1]
        Thread.detachNewThread {
            Self.negotiate(server, size: size)
            while let request = Self.read(server, 28), request[7] == 0 {
                let cookie = Array(request[8..<16])
                let offset = request[16..<24].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
                let count = request[24..<28].reduce(0) { $0 << 8 | Int($1) }
                let parts = chunks(count)
                for (index, part) in parts.enumerated() {
                    usleep(pause)
                    let isLast: UInt16 = index == parts.count - 1 ? 1 : 0
                    var reply = Self.big(UInt32(0x668e_33ef)) + Self.big(isLast) + Self.big(UInt16(1)) + cookie
                    reply += Self.big(UInt32(part.length + 8)) + Self.big(offset + UInt64(part.offset))
                    Self.write(server, reply + [UInt8](repeating: 0xaa, count: part.length))
                }
            }
            close(server)
        }
    }

    private static func negotiate(_ socket: CInt, size: UInt64) {
        write(socket, Array("NBDMAGICIHAVEOPT".utf8) + big(UInt16(3)))
        guard read(socket, 4) != nil else { return }
        while let header = read(socket, 16) {
            let option = header[8..<12].reduce(0) { $0 << 8 | Int($1) }
            let length = header[12..<16].reduce(0) { $0 << 8 | Int($1) }
            _ = read(socket, length)
            switch option {
            case 8: reply(socket, option, 1, [])
            case 7:
                // Flags: has flags, read-only, multi-conn.
                reply(socket, option, 3, big(UInt16(0)) + big(size) + big(UInt16(0x103)))
                reply(socket, option, 1, [])
                return
            default: reply(socket, option, 0x8000_0001, [])
            }
        }
    }

    private static func reply(_ socket: CInt, _ option: Int, _ type: UInt32, _ payload: [UInt8]) {
        let header = big(UInt64(0x3e889045565a9)) + big(UInt32(option)) + big(type) + big(UInt32(payload.count))
        write(socket, header + payload)
    }

    private static func big<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }

    private static func read(_ socket: CInt, _ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        guard count > 0 else { return bytes }
        return recv(socket, &bytes, count, Int32(MSG_WAITALL)) == count ? bytes : nil
    }

    private static func write(_ socket: CInt, _ bytes: [UInt8]) {
        _ = send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }
}
