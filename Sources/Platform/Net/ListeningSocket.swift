import CLinux
import Glibc

/// Sockets that others connect to, of any family.
public enum ListeningSocket {
    /// Takes the next connection, which no program that is started inherits from its first moment on.
    ///
    /// - Parameters:
    ///   - listener: a listening socket.
    ///   - isNonblocking: whether the connection never blocks; `false` by default.
    /// - Returns: the connection, which the caller closes; `nil` where there is none (any more).
    /// - Throws: `SystemError`: `noDescriptor` where the system has no descriptor or memory left: the caller stays in the
    ///   queue and the socket readable, so look away for a moment. `io` for all else.
    ///
    /// The C function is `accept4`.
    public static func accept(_ listener: CInt, isNonblocking: Bool = false) throws(SystemError) -> CInt? {
        let flags = SOCK_CLOEXEC.rawValue | (isNonblocking ? SOCK_NONBLOCK.rawValue : 0)
        let connection = clinux_accept4(listener, CInt(flags))
        if connection >= 0 { return connection }
        switch errno {
        case EINTR, EAGAIN, ECONNABORTED: return nil
        case EMFILE, ENFILE, ENOMEM, ENOBUFS: throw SystemError(.noDescriptor, "accept", code: errno)
        default: throw SystemError("accept", code: errno)
        }
    }
}
