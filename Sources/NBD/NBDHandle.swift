import CLibNBD
import Glibc
import Platform

/// Owns one libnbd handle.
///
/// The C functions are `nbd_create` and `nbd_close`.
final class NBDHandle {
    let pointer: OpaquePointer

    init() throws(NBDError) {
        guard let pointer = nbd_create() else { throw .last(.connect, "create a handle") }
        self.pointer = pointer
    }

    deinit {
        // Tells the server good-bye where the socket takes it at once; nbd_close never waits.
        if nbd_aio_is_ready(pointer) == 1 { nbd_aio_disconnect(pointer, 0) }
        nbd_close(pointer)
    }

    /// Passes a result on, or turns -1 into libnbd's error.
    @discardableResult
    func check<T: SignedInteger>(_ result: T, _ kind: NBDError.Kind, _ operation: String) throws(NBDError) -> T {
        guard result != -1 else { throw .last(kind, operation) }
        return result
    }

    var isGone: Bool { nbd_aio_is_dead(pointer) == 1 || nbd_aio_is_closed(pointer) == 1 }

    /// Whether the peer has sent something that is not read yet.
    var hasUnreadBytes: Bool {
        var byte: UInt8 = 0
        return recv(nbd_aio_get_fd(pointer), &byte, 1, CInt(MSG_PEEK | MSG_DONTWAIT)) > 0
    }

    /// What `poll` should wait for on the handle's socket; `nil` while there is no socket.
    func interest() -> pollfd? {
        let descriptor = nbd_aio_get_fd(pointer)
        guard descriptor >= 0 else { return nil }
        let direction = nbd_aio_get_direction(pointer)
        var events: CInt = 0
        if direction & UInt32(LIBNBD_AIO_DIRECTION_READ) != 0 { events |= POLLIN }
        if direction & UInt32(LIBNBD_AIO_DIRECTION_WRITE) != 0 { events |= POLLOUT }
        return pollfd(fd: descriptor, events: Int16(events), revents: 0)
    }

    /// Lets libnbd act on what `poll` found.
    ///
    /// Only one of the two notifications is given: the first may change the state that the second was meant for.
    /// - Returns: whether bytes may have come in.
    /// - Throws: `NBDError` with libnbd's message. The C functions are `nbd_aio_notify_read` and `nbd_aio_notify_write`.
    func notify(_ ready: pollfd, _ kind: NBDError.Kind, _ operation: String) throws(NBDError) -> Bool {
        let found = CInt(ready.revents)
        if found & (POLLIN | POLLHUP) != 0 && CInt(ready.events) & POLLIN != 0 {
            try check(nbd_aio_notify_read(pointer), kind, operation)
            return true
        }
        if found & POLLOUT != 0 {
            try check(nbd_aio_notify_write(pointer), kind, operation)
        } else if found & (POLLERR | POLLNVAL | POLLHUP) != 0 {
            throw NBDError(kind, operation, code: ENOTCONN, "the server closed the connection")
        }
        return false
    }
}

/// Waits on descriptors until a point in time.
///
/// - Parameters:
///   - descriptors: filled in by the call.
///   - end: `nil` waits for ever.
/// - Returns: how many are ready; 0 when the time has come.
/// - Throws: `NBDError`. The C function is `poll`.
func pollUntil(
    _ descriptors: inout [pollfd], _ end: ContinuousClock.Instant?, _ operation: String
) throws(NBDError) -> CInt {
    while true {
        let left = end.map { ($0 - .now).pollTimeout } ?? -1
        let count = poll(&descriptors, nfds_t(descriptors.count), left)
        if count >= 0 { return count }
        let code = errno
        guard code == EINTR else {
            throw NBDError(.connectionLost, operation, code: code, String(cString: strerror(code)))
        }
    }
}
