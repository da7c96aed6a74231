import Glibc

/// What a TCP service says first.
public enum BannerProbe {
    /// Connects, and reads what the other side says of itself, without saying a word.
    ///
    /// - Parameters:
    ///   - host: a numeric address or a name.
    ///   - port: the TCP port.
    ///   - deadline: for the connection and the words together.
    ///   - policy: what may be dialled.
    ///   - limit: how many bytes to read at most.
    ///   - isComplete: whether enough has been read.
    /// - Returns: what was read until then, until the other side closed, or until the deadline.
    /// - Throws: `SystemError`: as ``Dial/tcp(host:port:deadline:policy:)``, or `noThread`.
    public static func read(
        host: String, port: UInt16, deadline: Duration, policy: DialPolicy, limit: Int = 256,
        until isComplete: @escaping @Sendable ([UInt8]) -> Bool
    ) async throws(SystemError) -> [UInt8] {
        try await Thread.attempt { () throws(SystemError) in
            let end = ContinuousClock.now + deadline
            let socket = try Dial.tcp(host: host, port: port, deadline: deadline, policy: policy)
            defer { close(socket) }
            var bytes: [UInt8] = []
            var piece = [UInt8](repeating: 0, count: limit)
            while bytes.count < piece.count, !isComplete(bytes) {
                // Asked also when the time is over: what came while this process was stopped has come in time.
                var ready = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
                guard poll(&ready, 1, (end - .now).pollTimeout) > 0 else { break }
                let count = recv(socket, &piece, piece.count - bytes.count, 0)
                if count <= 0 { break }
                bytes += piece[..<count]
            }
            return bytes
        }
    }
}
