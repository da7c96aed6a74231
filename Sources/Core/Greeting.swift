import Glibc

/// What a TCP service says first.
public enum Greeting {
    /// Connects, and reads what the other side says of itself, without saying a word.
    ///
    /// - Parameters:
    ///   - host: a numeric address or a name.
    ///   - port: the TCP port.
    ///   - deadline: for the connection and the words together.
    ///   - isComplete: whether enough has been read.
    /// - Returns: what was read until then, until the other side closed, or until the deadline; 256 bytes at most.
    /// - Throws: `ScoutError` (`unreachable`) where there is no connection.
    public static func read(
        host: String, port: UInt16, deadline: Duration,
        until isComplete: @escaping @Sendable ([UInt8]) -> Bool = { $0.contains(10) }
    ) async throws(ScoutError) -> [UInt8] {
        do {
            return try await PlainThread.run {
                let end = ContinuousClock.now + deadline
                let socket = try Dial.tcp(host: host, port: port, deadline: deadline)
                defer { close(socket) }
                var bytes: [UInt8] = []
                var piece = [UInt8](repeating: 0, count: 256)
                while bytes.count < piece.count, !isComplete(bytes) {
                    let left = end - .now
                    var ready = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
                    guard left > .zero, poll(&ready, 1, left.pollTimeout) > 0 else { break }
                    let count = recv(socket, &piece, piece.count - bytes.count, 0)
                    if count <= 0 { break }
                    bytes += piece[..<count]
                }
                return bytes
            }
        } catch let error as ScoutError {
            throw error
        } catch {
            throw ScoutError(.failed, "\(error)")
        }
    }
}
