import CLibSSH

/// How a remote command ended.
public enum ExitStatus: Hashable, Sendable {
    /// It exited with this status: 0…255, as far as the peer keeps to POSIX.
    case exited(Int32)
    /// A signal ended it; the name is RFC 4254's, without `SIG`, or the peer's own.
    case signalled(String)
    /// The peer closed the channel without saying.
    case unknown

    /// The status for a process that stands in for the command: its own, 128 + n for a signal, or 255 as `ssh` has it.
    public var code: Int32 {
        switch self {
        case .exited(let status): status
        case .signalled(let name): RemoteSignal(rawValue: name).map { 128 + $0.number } ?? 255
        case .unknown: 255
        }
    }
}

/// A channel of libssh's, with what libssh has said about it.
///
/// The callbacks run inside libssh's own calls, on the session's thread, and only write down what they are told: the
/// loop wakes who waits for it afterwards. The type is not `Sendable`, so it stays in its ``Session``.
final class ChannelState {
    let handle: ssh_channel
    let loop: EventLoop
    /// Whoever waits for something to happen to this channel.
    let events: WaitList
    private let callbacks: UnsafeMutablePointer<ssh_channel_callbacks_struct>

    /// Bytes that libssh holds for us.
    fileprivate(set) var pendingOutput = 0
    fileprivate(set) var pendingErrorOutput = 0
    /// The peer sends no more: the end of file comes after what is pending.
    fileprivate(set) var hasEnded = false
    /// The peer has closed the channel; nothing comes after what is pending.
    fileprivate(set) var isClosed = false
    fileprivate(set) var status = ExitStatus.unknown
    /// We have sent the end of file.
    var hasSentEnd = false
    /// Closed on this side; the handle is libssh's again.
    private(set) var isFree = false
    /// For the loop: it stands in the queue of those who want to send.
    var waitsForRoom = false
    /// For the loop: it is counted among those with too large a backlog.
    var isOverfull = false

    var backlog: Int { max(pendingOutput, pendingErrorOutput) }

    /// How much the peer takes, by what it has said: `ssh_channel_window_size`.
    var window: Int { isFree ? 0 : Int(ssh_channel_window_size(handle)) }

    /// Makes a channel, not open yet: `ssh_channel_new`.
    ///
    /// - Returns: `nil` where libssh has no memory, or the session is not authenticated.
    convenience init?(of session: ssh_session, _ loop: EventLoop) {
        guard let handle = ssh_channel_new(session) else { return nil }
        self.init(handle, loop)
    }

    /// Takes over a channel of libssh's.
    init(_ handle: ssh_channel, _ loop: EventLoop) {
        self.handle = handle
        self.loop = loop
        events = loop.makeList()
        callbacks = .allocate(capacity: 1)
        callbacks.initialize(to: ssh_channel_callbacks_struct())
        // What the macro ssh_callbacks_init does.
        callbacks.pointee.size = MemoryLayout<ssh_channel_callbacks_struct>.size
        // Unretained: free() takes the callbacks out of libssh before this object can go.
        callbacks.pointee.userdata = Unmanaged.passUnretained(self).toOpaque()
        callbacks.pointee.channel_data_function = noteData
        callbacks.pointee.channel_eof_function = noteEnd
        callbacks.pointee.channel_close_function = noteClose
        callbacks.pointee.channel_exit_status_function = noteExitStatus
        callbacks.pointee.channel_exit_signal_function = noteExitSignal
        ssh_add_channel_callbacks(handle, callbacks)
    }

    /// Closes the channel and gives it back to libssh, which frees it when the peer has closed it too.
    ///
    /// On the session's thread, before the session is freed. The C functions are `ssh_channel_close` and `ssh_channel_free`.
    func free() {
        guard !isFree else { return }
        isFree = true
        loop.note(backlog: 0, of: self)
        ssh_remove_channel_callbacks(handle, callbacks)
        callbacks.deinitialize(count: 1)
        callbacks.deallocate()
        // Without blocking, the first call may come no further than the end-of-file that goes before the close.
        if ssh_channel_is_open(handle) != 0 {
            for _ in 0..<2 where ssh_channel_close(handle) != SSH_AGAIN { break }
        }
        ssh_channel_free(handle)
        // Whoever waits for it has to notice.
        events.note()
    }

    /// Takes everything that libssh holds of one stream, without waiting: `ssh_channel_read`.
    ///
    /// All of it, because every read lets the peer send a whole window more, however much is left unread: reading a
    /// little of a lot would let the backlog grow without bound.
    ///
    /// - Returns: the bytes, or `nil` where there are none.
    func takeAll(errorOutput: Bool) -> [UInt8]? {
        let count = errorOutput ? pendingErrorOutput : pendingOutput
        guard count > 0, !isFree else { return nil }
        var status: CInt = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
            status = ssh_channel_read(handle, buffer.baseAddress, UInt32(count), errorOutput ? 1 : 0)
            used = max(Int(status), 0)
        }
        guard status >= 0 else { return nil }
        if errorOutput { pendingErrorOutput -= bytes.count } else { pendingOutput -= bytes.count }
        loop.note(backlog: backlog, of: self)
        return bytes
    }
}

extension ChannelState {
    /// Calls libssh until it no longer says "again"; see ``EventLoop/complete(_:within:again:_:)``.
    ///
    /// - Parameter call: looked up anew each time: while this waits, the channel may be closed.
    nonisolated(nonsending) func complete(
        _ operation: String, within deadline: Duration, _ call: (ssh_channel) -> CInt
    ) async throws {
        try await loop.complete(operation, within: deadline) { _ in isFree ? SSH_ERROR : call(handle) }
    }

    /// Why an operation finds it closed.
    func over(_ operation: String) -> SSHError {
        loop.connection.over(operation) ?? SSHError(.closed, operation, "the channel was closed on this side")
    }

    /// `ssh_channel_request_send_signal`.
    func send(_ signal: RemoteSignal) throws(SSHError) {
        try request("signal") { ssh_channel_request_send_signal($0, signal.rawValue) }
    }

    /// `ssh_channel_change_pty_size`.
    func resize(columns: Int, rows: Int) throws(SSHError) {
        try request("window size") { ssh_channel_change_pty_size($0, CInt(columns), CInt(rows)) }
    }

    /// A request that the server doesn't answer.
    private func request(_ operation: String, _ call: (ssh_channel) -> CInt) throws(SSHError) {
        let session = try loop.connection.live(operation)
        // A command that has just ended takes no signal, and that is nobody's fault.
        guard !isFree, !isClosed else { return }
        let received = loop.connection.received
        guard call(handle) == SSH_OK else { throw loop.error(operation, session, receivedBefore: received) }
    }
}

/// The channel that a callback is about, after which whoever waits for it is woken.
private func channel(_ userdata: UnsafeMutableRawPointer?) -> ChannelState? {
    guard let userdata else { return nil }
    let channel = Unmanaged<ChannelState>.fromOpaque(userdata).takeUnretainedValue()
    channel.events.note()
    return channel
}

/// Called with all that is buffered of the stream; 0 leaves it in the buffer.
private func noteData(
    _: ssh_session?, _: ssh_channel?, _: UnsafeMutableRawPointer?, count: UInt32, isErrorOutput: CInt,
    userdata: UnsafeMutableRawPointer?
) -> CInt {
    guard let channel = channel(userdata) else { return 0 }
    if isErrorOutput != 0 {
        channel.pendingErrorOutput = Int(count)
    } else {
        channel.pendingOutput = Int(count)
    }
    channel.loop.note(backlog: channel.backlog, of: channel)
    return 0
}

private func noteEnd(_: ssh_session?, _: ssh_channel?, userdata: UnsafeMutableRawPointer?) {
    channel(userdata)?.hasEnded = true
}

private func noteClose(_: ssh_session?, _: ssh_channel?, userdata: UnsafeMutableRawPointer?) {
    let channel = channel(userdata)
    channel?.isClosed = true
    channel?.hasEnded = true
}

private func noteExitStatus(_: ssh_session?, _: ssh_channel?, status: CInt, userdata: UnsafeMutableRawPointer?) {
    channel(userdata)?.status = .exited(status)
}

private func noteExitSignal(
    _: ssh_session?, _: ssh_channel?, name: UnsafePointer<CChar>?, _: CInt, _: UnsafePointer<CChar>?,
    _: UnsafePointer<CChar>?, userdata: UnsafeMutableRawPointer?
) {
    channel(userdata)?.status = .signalled(name.map { String(cString: $0) } ?? "")
}
