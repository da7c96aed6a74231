import Glibc
import Synchronization

/// A TCP relay to a server that can stop reading, as a busy peer does, or lose every packet, as a link that is cut.
///
/// Its buffers are small beside what the tests send, so that a sender notices soon.
final class StallingRelay: Sendable {
    /// The end to talk SSH over.
    let client: CInt
    private let near = Atomic<CInt>(-1)
    private let isStalled = Atomic(false)
    private let isOver = Atomic(false)

    /// - Parameter text: what the relay says before the server does.
    init(to server: OpenSSHServer, saying text: String = "") throws {
        let (listener, port) = OpenSSHServer.listen(server.address)
        // Large enough that the kernel keeps to the window it has offered: with less it drops what it has no memory for, unanswered.
        var size: CInt = 128 << 10
        setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<CInt>.size))
        client = try OpenSSHServer.dial(server.address, port)
        setsockopt(client, SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout<CInt>.size))
        let inner = accept(listener, nil, nil)
        close(listener)
        near.store(inner, ordering: .sequentiallyConsistent)
        // Smaller than the buffers on the way.
        write(inner, text, text.utf8.count)
        let outer = try server.dial()
        Thread.detach { [self] in
            relay(inner, outer)
            close(inner)
            close(outer)
        }
    }

    func stall() { isStalled.store(true, ordering: .sequentiallyConsistent) }
    func resume() { isStalled.store(false, ordering: .sequentiallyConsistent) }

    /// Drops every packet in either direction, acknowledgements included, by socket filters (socket(7)) that take none.
    ///
    /// With one direction alone, what the relay repeats would go on to tell the client that its kernel is there.
    func cut() {
        // `struct sock_filter`, "return 0", and `struct sock_fprog` with a pointer to it.
        for end in [near.load(ordering: .sequentiallyConsistent), client] {
            precondition(Self.closeEars(of: end), "no filter to be had")
        }
        stall()
    }

    /// Whether this user may attach a filter to a socket of his own: some kernels let root alone.
    static let canCut: Bool = {
        let probe = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        defer { close(probe) }
        return getenv("CI") != nil || closeEars(of: probe)
    }()

    private static func closeEars(of end: CInt) -> Bool {
        withUnsafeBytes(of: (UInt16(6), UInt8(0), UInt8(0), UInt32(0))) { instruction in
            var program = (UInt(1), instruction.baseAddress)
            return setsockopt(end, SOL_SOCKET, SO_ATTACH_FILTER, &program, 16) == 0
        }
    }

    func end() { isOver.store(true, ordering: .sequentiallyConsistent) }

    private func relay(_ inner: CInt, _ outer: CInt) {
        var chunk = [UInt8](repeating: 0, count: 4096)
        while !isOver.load(ordering: .sequentiallyConsistent) {
            if isStalled.load(ordering: .sequentiallyConsistent) {
                usleep(10_000)
                continue
            }
            var ready = [inner, outer].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            guard poll(&ready, 2, 10) > 0 else { continue }
            for (index, entry) in ready.enumerated() where entry.revents != 0 {
                let count = read(entry.fd, &chunk, chunk.count)
                if count <= 0 { return }
                var sent = 0
                while sent < count {
                    let more = chunk.withUnsafeBytes {
                        write(index == 0 ? outer : inner, $0.baseAddress?.advanced(by: sent), count - sent)
                    }
                    if more <= 0 { return }
                    sent += more
                }
            }
        }
    }
}
