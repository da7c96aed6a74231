import CLibSSH

extension Session {
    /// Has the server connect to a TCP port (`direct-tcpip`, RFC 4254, section 7.2).
    ///
    /// - Parameters:
    ///   - host: a name or address, as the server understands it.
    ///   - port: the port there.
    ///   - originator: who asks, for the server's log; an address and a port.
    ///   - deadline: how long the server may take.
    /// - Returns: the connection; ``Channel/splice(_:)`` joins it to a socket.
    /// - Throws: `SSHError`, `denied` where the server does not permit it or nobody answers there; `CancellationError`.
    ///
    /// The C function is `ssh_channel_open_forward`.
    public func openTCP(
        to host: String, port: UInt16, from originator: (address: String, port: UInt16) = ("127.0.0.1", 0),
        deadline: Duration = .seconds(10)
    ) async throws -> Channel {
        let operation = "connecting to \(host) port \(port) through the server"
        return try await open(operation) { channel in
            try await channel.complete(operation, within: deadline) {
                ssh_channel_open_forward($0, host, CInt(port), originator.address, CInt(originator.port))
            }
        }
    }

    /// Has the server connect to a Unix stream socket (`direct-streamlocal@openssh.com`, OpenSSH's PROTOCOL, section 2.4).
    ///
    /// - Parameters:
    ///   - path: the socket there.
    ///   - deadline: how long the server may take.
    /// - Returns: the connection.
    /// - Throws: `SSHError`, `denied` also where the server is not OpenSSH's; `CancellationError`.
    ///
    /// The C function is `ssh_channel_open_forward_unix`.
    public func openUnix(to path: String, deadline: Duration = .seconds(10)) async throws -> Channel {
        let operation = "connecting to \(path) through the server"
        return try await open(operation) { channel in
            try await channel.complete(operation, within: deadline) {
                ssh_channel_open_forward_unix($0, path, "", 0)
            }
        }
    }

    /// Has the server listen on a TCP port and hand each connection over here (`tcpip-forward`, RFC 4254, section 7.1).
    ///
    /// - Parameters:
    ///   - address: where the server is to listen: `localhost`, `127.0.0.1`; empty is all of its addresses.
    ///   - port: the port there; 0 is a free one, which is looked for among the dynamic ports (RFC 6335).
    ///   - deadline: how long the server may take for each answer.
    /// - Throws: `SSHError`, `denied` where the server does not permit it or the port is taken; `CancellationError`.
    ///
    /// The C function is `ssh_channel_listen_forward`.
    public func listenTCP(
        on address: String, port: UInt16, deadline: Duration = .seconds(10)
    ) async throws -> ForwardListener {
        // libssh takes the number of a port that the server has chosen from whatever packet came last: no use with
        // other channels beside it. So a port is tried, and the server's bind is what decides.
        var candidates = port == 0 ? (0..<16).map { _ in UInt16.random(in: 49152 ... .max) } : [port]
        while true {
            let candidate = candidates.removeLast()
            do {
                try await listen(on: address, candidate, deadline: deadline)
                return ForwardListener(session: self, address: address, port: candidate)
            } catch let error as SSHError where error.kind == .denied && !candidates.isEmpty {
                continue
            }
        }
    }

    private func listen(on address: String, _ port: UInt16, deadline: Duration) async throws {
        let operation = "having the server listen on port \(port)"
        guard forwards.add(port) else { throw SSHError(.denied, operation, "it is listened on already") }
        do {
            try await loop.globalRequest(operation, within: deadline) {
                ssh_channel_listen_forward($0, address, CInt(port), nil)
            }
        } catch {
            for channel in forwards.remove(port) { channel.free() }
            throw error
        }
    }

    fileprivate func accept(on port: UInt16) async throws -> ForwardedConnection {
        let operation = "accepting a forwarded connection"
        while true {
            let mark = forwards.arrivals.news
            guard forwards.isListening(on: port) else {
                throw connection.over(operation) ?? SSHError(.closed, operation, "the listener is closed")
            }
            if let next = forwards.take(port) {
                return ForwardedConnection(
                    channel: Channel(session: self, identifier: keep(next.channel)),
                    originator: next.originator, originatorPort: next.originatorPort)
            }
            do {
                try await loop.wait(for: forwards.arrivals, after: mark)
            } catch {
                throw connection.over(operation) ?? error
            }
        }
    }

    fileprivate func stopListening(on address: String, _ port: UInt16, deadline: Duration) async throws {
        guard forwards.isListening(on: port) else { return }
        for channel in forwards.remove(port) { channel.free() }
        guard isOpen else { return }
        try await loop.globalRequest("ending a forward", within: deadline) {
            ssh_channel_cancel_forward($0, address, CInt(port))
        }
    }
}

/// A port that the server listens on for us. Close it, or end the session: it is not closed by being forgotten.
public struct ForwardListener: Sendable {
    /// The connection to the server.
    public let session: Session
    /// Where the server listens, as it was asked to.
    public let address: String
    /// The port there.
    public let port: UInt16

    /// Waits for the next connection. Up to 64 wait here; the server is refused more.
    ///
    /// - Throws: `SSHError`: `closed` after ``close(deadline:)``; `linkLost`; `CancellationError`.
    ///
    /// The C function is `ssh_message_channel_request_open_reply_accept`; see decision 5.
    public func accept() async throws -> ForwardedConnection {
        try await session.accept(on: port)
    }

    /// Ends the forward (`cancel-tcpip-forward`); accepted connections stay.
    ///
    /// - Parameter deadline: how long the server may take.
    /// - Throws: `SSHError`; `CancellationError`. Nothing is accepted any more in any case.
    ///
    /// The C function is `ssh_channel_cancel_forward`.
    public func close(deadline: Duration = .seconds(10)) async throws {
        try await session.stopListening(on: address, port, deadline: deadline)
    }
}

/// A connection that the server has accepted for us.
public struct ForwardedConnection: Sendable {
    /// Its bytes.
    public let channel: Channel
    /// Who connected, as the server says: an address, or any text where the server is hostile.
    public let originator: String
    /// The port there, as the server says.
    public let originatorPort: UInt16
}
