import Core
import Glibc
import Platform
import Testing

/// The least of an NBD client, over a socket of its own, for what stock clients don't do.
final class NBDClient {
    let socket: CInt

    /// Connects and reads the greeting, without a word.
    init(_ lease: LeaseReport) throws {
        let parts = lease.bind.split(separator: ":")
        let address = try #require(parts.first.flatMap { IPAddress(String($0)) })
        socket = Glibc.socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        try #require(address.withSocketAddress(port: lease.port) { connect(socket, $0, $1) } == 0)
    }

    deinit { close(socket) }

    /// Agrees on the export of the empty name: NBD_FLAG_C_FIXED_NEWSTYLE and NO_ZEROES, then NBD_OPT_EXPORT_NAME.
    ///
    /// - Returns: whether the server agreed.
    func agree() -> Bool {
        guard receive(18)?.count == 18 else { return false }
        return say([0, 0, 0, 3] + Array("IHAVEOPT".utf8) + [0, 0, 0, 1, 0, 0, 0, 0]) && receive(10) != nil
    }

    /// Asks for 512 bytes from the start.
    ///
    /// - Returns: the server's error number, 0 for none; `nil` where it is gone.
    func read() -> UInt8? {
        guard ask(), let header = receive(16) else { return nil }
        if header[7] == 0 { _ = receive(512) }
        return header[7]
    }

    /// Asks for 512 bytes from the start, and does not wait for them.
    func ask() -> Bool {
        say([0x25, 0x60, 0x95, 0x13, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 18) + [2, 0])
    }

    private func say(_ bytes: [UInt8]) -> Bool { send(socket, bytes, bytes.count, CInt(MSG_NOSIGNAL)) == bytes.count }

    private func receive(_ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        return recv(socket, &bytes, count, CInt(MSG_WAITALL)) == count ? bytes : nil
    }
}
