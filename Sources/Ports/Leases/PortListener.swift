import Core
import Glibc
import Platform

/// A socket that listens on a TCP port; closed with this object.
final class PortListener: Sendable {
    /// The port.
    let port: UInt16
    /// The listening socket, which doesn't block.
    let descriptor: CInt

    /// Connections that wait to be accepted.
    private static let backlog: CInt = 64

    /// Binds and listens. The C functions are `socket`, `bind` and `listen`.
    ///
    /// - Parameters:
    ///   - port: which port.
    ///   - address: the address to listen on.
    /// - Throws: `Lease.Refusal`: `foreign` where somebody else listens there, `failed` otherwise.
    init(_ port: UInt16, on address: IPAddress) throws(Lease.Refusal) {
        let family = address.bytes.count == 4 ? AF_INET : AF_INET6
        let kind = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let socket = Glibc.socket(family, kind, 0)
        guard socket >= 0 else { throw Self.failure(port, address, errno) }
        var on: CInt = 1
        let reuses = setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<CInt>.size))
        guard reuses == 0, address.withSocketAddress(port: port, { bind(socket, $0, $1) }) == 0,
            listen(socket, Self.backlog) == 0
        else {
            let code = errno
            close(socket)
            throw code == EADDRINUSE ? .foreign : Self.failure(port, address, code)
        }
        self.port = port
        descriptor = socket
    }

    deinit { close(descriptor) }

    private static func failure(_ port: UInt16, _ address: IPAddress, _ code: CInt) -> Lease.Refusal {
        .failed(
            ScoutError(
                .failed, "cannot listen on \(address) port \(port): \(String(cString: strerror(code)))",
                hint: "is this the container? --topology chooses another network"))
    }
}
