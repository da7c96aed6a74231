import Glibc

/// What a TCP service says first.
public enum Greeting {
    /// Connects, and reads what the other side says of itself, without saying a word.
    ///
    /// - Parameters:
    ///   - host: a numeric address or a name.
    ///   - port: the TCP port.
    ///   - deadline: for the connection and the words together.
    ///   - limit: how many bytes to read at most.
    ///   - isComplete: whether enough has been read.
    /// - Returns: what was read until then, until the other side closed, or until the deadline.
    /// - Throws: `ScoutError` (`unreachable`) where there is no connection.
    public static func read(
        host: String, port: UInt16, deadline: Duration, limit: Int = 256,
        until isComplete: @escaping @Sendable ([UInt8]) -> Bool = { $0.contains(10) }
    ) async throws(ScoutError) -> [UInt8] {
        do {
            return try await PlainThread.run {
                let end = ContinuousClock.now + deadline
                let socket = try Dial.tcp(host: host, port: port, deadline: deadline)
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
        } catch let error as ScoutError {
            throw error
        } catch {
            throw ScoutError(.failed, "\(error)")
        }
    }

    /// What a server said before and in its SSH identification (RFC 4253, section 4.2).
    public struct SSH: Hashable, Sendable {
        /// The line that begins with `SSH-`, without its end; `nil` where none came.
        public let identification: String?
        /// The lines before it.
        public let text: String

        /// - Parameter bytes: what was read; a line without an end is no identification yet.
        init(_ bytes: [UInt8]) {
            var text: [UInt8] = []
            var found: String?
            var rest = bytes[...]
            while found == nil, let end = rest.firstIndex(of: 10) {
                let line = rest[..<end]
                if line.starts(with: "SSH-".utf8) {
                    found = String(decoding: line.prefix { $0 != 13 }, as: UTF8.self)
                } else {
                    text += rest[...end]
                }
                rest = rest[(end + 1)...]
            }
            if found == nil { text += rest }
            identification = found
            self.text = String(decoding: text, as: UTF8.self)
        }
    }

    /// Connects to an SSH server, and reads up to its identification, whatever lines it says before.
    ///
    /// - Parameters:
    ///   - host: a numeric address or a name.
    ///   - port: the TCP port.
    ///   - deadline: for the connection and the words together.
    /// - Throws: `ScoutError` as ``read(host:port:deadline:limit:until:)``.
    public static func ssh(host: String, port: UInt16, deadline: Duration) async throws(ScoutError) -> SSH {
        // More than a server says in earnest; OpenSSH's client reads longer still.
        let bytes = try await read(host: host, port: port, deadline: deadline, limit: 1 << 16) {
            SSH($0).identification != nil
        }
        return SSH(bytes)
    }
}
