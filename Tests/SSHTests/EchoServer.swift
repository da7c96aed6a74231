import CLibSSH
import Glibc

/// A listener whose connections get back what they send, and then the end of file.
final class EchoServer: Sendable {
    /// Its port, where it has one.
    let port: UInt16
    /// Its socket, where it has one.
    let path: String
    private let listener: CInt

    init(_ address: String) {
        (listener, port) = OpenSSHServer.listen(address)
        path = ""
        serve()
    }

    init(path: String) {
        self.path = path
        port = 0
        listener = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: path.utf8) }
        withUnsafePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        _ = listen(listener, 16)
        // The account of the server may be another.
        chmod(path, 0o777)
        serve()
    }

    deinit {
        shutdown(listener, CInt(SHUT_RDWR))
        close(listener)
    }

    private func serve() {
        Thread.detach { [listener] in
            while true {
                let connection = accept(listener, nil, nil)
                if connection < 0 { return }
                Thread.detach {
                    var chunk = [UInt8](repeating: 0, count: 1 << 16)
                    while true {
                        let count = read(connection, &chunk, chunk.count)
                        if count <= 0 { break }
                        var sent = 0
                        while sent < count {
                            let more = chunk.withUnsafeBytes {
                                send(connection, $0.baseAddress?.advanced(by: sent), count - sent, CInt(MSG_NOSIGNAL))
                            }
                            if more <= 0 { break }
                            sent += more
                        }
                    }
                    close(connection)
                }
            }
        }
    }

    /// A port that nobody listens on just now.
    static func closedPort(_ address: String) -> UInt16 {
        let (descriptor, port) = OpenSSHServer.listen(address)
        close(descriptor)
        return port
    }
}
