import CLibSSH
import Glibc

/// libssh's session over one socket, and why it is over.
///
/// libssh keeps the last error in the session, so ``error(_:_:receivedBefore:)`` must follow the failing call at once.
/// The type is not `Sendable`: it stays in its ``Session``, on the session's thread.
final class Connection {
    /// Our end: libssh has a duplicate, which it may close on an error while this one is watched.
    let socket: CInt
    /// libssh's session; `nil` before the key exchange and after the end.
    private(set) var handle: ssh_session?
    /// What libssh counts on the socket, encrypted: `ssh_set_counters`.
    private let counter: UnsafeMutablePointer<ssh_counter_struct>
    /// Why the connection is over; every operation fails with it from then on.
    private(set) var failure: SSHError?
    /// libssh knows the socket.
    var hasBegun = false

    /// - Parameter socket: a connected TCP socket, closed with this object.
    init(socket: CInt) {
        self.socket = socket
        counter = .allocate(capacity: 1)
        counter.initialize(to: ssh_counter_struct())
    }

    deinit {
        Glibc.close(socket)
        counter.deallocate()
    }

    /// Bytes from the peer so far.
    var received: UInt64 { counter.pointee.in_bytes }
    /// Bytes to the peer so far.
    var sent: UInt64 { counter.pointee.out_bytes }

    /// Libssh holds bytes that the socket has not taken yet: `ssh_get_poll_flags`.
    var isSending: Bool { handle.map { ssh_get_poll_flags($0) & SSH_WRITE_PENDING != 0 } ?? false }

    /// Makes libssh's session, which never blocks: `ssh_new`.
    ///
    /// - Throws: `SSHError` (`local`) where there is no memory.
    func begin() throws(SSHError) -> ssh_session {
        guard let handle = ssh_new() else { throw .local("ssh_new", errno: ENOMEM) }
        self.handle = handle
        ssh_set_blocking(handle, 0)
        ssh_set_counters(handle, counter, nil)
        return handle
    }

    /// Says goodbye and gives libssh's session back; its channels must be free. The socket stays open: somebody may be
    /// polling it.
    ///
    /// The C functions are `ssh_disconnect` and `ssh_free`.
    func release() {
        guard let handle else { return }
        self.handle = nil
        // libssh leaves a socket it was given open when it disconnects, but has closed it already after an error.
        let duplicate = ssh_get_fd(handle)
        if ssh_is_connected(handle) != 0 { ssh_disconnect(handle) }
        let isStillOpen = duplicate >= 0 && ssh_get_fd(handle) != duplicate
        ssh_free(handle)
        if isStillOpen { Glibc.close(duplicate) }
    }

    /// The handle, while the connection can be used.
    func live(_ operation: String) throws(SSHError) -> ssh_session {
        if let over = over(operation) { throw over }
        guard let handle else { throw SSHError(.closed, operation, "the session is closed") }
        return handle
    }

    /// Why the connection is over, told as the failure of an operation.
    func over(_ operation: String) -> SSHError? {
        failure.map { SSHError($0.kind, operation, code: $0.code, $0.message) }
    }

    /// Ends the connection with a reason; the first one given stays.
    func fail(_ reason: SSHError) {
        if failure == nil { failure = reason }
    }

    /// Notices an end that libssh met inside a call which did not fail by it.
    ///
    /// - Parameter receivedBefore: bytes from the peer before that call.
    func noticeEnd(receivedBefore: UInt64) {
        guard let handle, failure == nil, hasBegun, ssh_is_connected(handle) == 0 else { return }
        fail(error("connection", handle, receivedBefore: receivedBefore))
    }

    /// What libssh says about a call that has just failed; ends the connection where the failure did.
    ///
    /// - Parameter receivedBefore: ``received`` before the call. libssh has one code for all fatal errors; a call that
    ///   failed without a byte from the peer failed on the socket, the others on what the peer said.
    func error(_ operation: String, _ handle: ssh_session, receivedBefore: UInt64) -> SSHError {
        let code = ssh_get_error_code(UnsafeMutableRawPointer(handle))
        let said = ssh_get_error(UnsafeMutableRawPointer(handle)).map { String(cString: $0) } ?? ""
        let isOver = ssh_is_connected(handle) == 0
        // libssh has no word for some of its failures.
        let text =
            said.isEmpty
            ? (isOver && hasBegun ? "the connection is over" : "libssh failed") + ", and no reason is given" : said
        guard isOver, hasBegun else {
            return SSHError(code == CInt(SSH_REQUEST_DENIED.rawValue) ? .denied : .other, operation, code: code, text)
        }
        let kind: SSHError.Kind
        if text.hasPrefix("Received SSH_MSG_DISCONNECT") {
            // libssh has a function that tells, but it answers only after ssh_disconnect has freed the channels.
            kind = .disconnected
        } else {
            // The last bytes and the end may come in one call, which then fails on the socket nevertheless.
            let isSocket = text.hasPrefix("Socket error") || received == receivedBefore
            kind = isSocket ? .linkLost : .protocolFailure
        }
        let message = kind == .disconnected ? Self.goodbye(text) : text
        fail(SSHError(kind, operation, code: code, message))
        return over(operation) ?? SSHError(kind, operation, code: code, message)
    }

    /// What the server said when it ended the connection (RFC 4253, section 11.1), out of libssh's
    /// `Received SSH_MSG_DISCONNECT: 2:text`. The words are the server's, control characters included.
    private static func goodbye(_ text: String) -> String {
        let parts = text.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3 else { return text }
        let number = parts[1].drop { $0 == " " }
        let words = parts[2].isEmpty || parts[2] == "no error" ? "without a word" : "saying \"\(parts[2])\""
        return "the server ended the connection \(words) (reason \(number))"
    }
}
