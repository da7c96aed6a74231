import CLibSSH

/// Answers the channels that the server opens: those on a port that was asked for are taken, all others refused.
///
/// libssh hands such a message to a callback at once, inside the call that has read it. Without a callback it would keep
/// it, for as long as nobody asks, and a message about a channel longer than the channel. It stays in its ``Session``.
final class ForwardAcceptor {
    /// A connection that nobody has accepted yet.
    struct Arrival {
        let channel: ChannelState
        let originator: String
        let originatorPort: UInt16
    }

    /// How many connections of one port may wait to be accepted.
    static let capacity = 64

    /// Whoever waits for a connection, on any port.
    let arrivals: WaitList
    private let loop: EventLoop
    private var waiting: [UInt16: [Arrival]] = [:]

    init(_ loop: EventLoop) {
        self.loop = loop
        arrivals = loop.makeList()
    }

    /// Has libssh ask this object: `ssh_set_message_callback`. It must live as long as the libssh session.
    func attach(to handle: ssh_session) {
        ssh_set_message_callback(handle, answerMessage, Unmanaged.passUnretained(self).toOpaque())
    }

    func isListening(on port: UInt16) -> Bool { waiting[port] != nil }

    /// - Returns: whether nobody listens on the port yet.
    func add(_ port: UInt16) -> Bool {
        guard waiting[port] == nil else { return false }
        waiting[port] = []
        return true
    }

    /// - Returns: the channels that nobody has accepted.
    func remove(_ port: UInt16) -> [ChannelState] {
        defer { arrivals.note() }
        return waiting.removeValue(forKey: port)?.map(\.channel) ?? []
    }

    /// Closes the ports, before the session is given back to libssh.
    func removeAll() {
        for port in waiting.keys { for channel in remove(port) { channel.free() } }
    }

    /// The connection that has waited longest.
    func take(_ port: UInt16) -> Arrival? {
        guard waiting[port]?.isEmpty == false else { return nil }
        return waiting[port]?.removeFirst()
    }

    /// - Returns: whether the message has been answered; libssh says no to the others.
    fileprivate func answer(_ message: ssh_message) -> Bool {
        guard ssh_message_type(message) == CInt(SSH_REQUEST_CHANNEL_OPEN.rawValue),
            ssh_message_subtype(message) == CInt(SSH_CHANNEL_FORWARDED_TCPIP.rawValue),
            let port = UInt16(exactly: ssh_message_channel_request_open_destination_port(message)),
            let queue = waiting[port], queue.count < Self.capacity
        else { return false }
        let originator = ssh_message_channel_request_open_originator(message).map { String(cString: $0) } ?? ""
        let originatorPort = UInt16(truncatingIfNeeded: ssh_message_channel_request_open_originator_port(message))
        guard let handle = ssh_message_channel_request_open_reply_accept(message) else { return false }
        waiting[port]?.append(
            Arrival(channel: ChannelState(handle, loop), originator: originator, originatorPort: originatorPort))
        arrivals.note()
        return true
    }
}

private func answerMessage(_: ssh_session?, message: ssh_message?, data: UnsafeMutableRawPointer?) -> CInt {
    guard let message, let data else { return 1 }
    return Unmanaged<ForwardAcceptor>.fromOpaque(data).takeUnretainedValue().answer(message) ? 0 : 1
}
