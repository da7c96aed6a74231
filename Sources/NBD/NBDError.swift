import CLibNBD
import Glibc

/// A failure of the NBD client: what was tried, the code, and the words of libnbd.
public struct NBDError: Error, Hashable, Sendable {
    /// The kinds of failure that a caller must tell apart.
    public enum Kind: Hashable, Sendable {
        /// The caller asked for something that cannot be: a malformed URI, a range outside the export.
        case usage
        /// No connection could be made: refused, no such socket, no such export.
        case connect
        /// The peer does not prove who it is, or does not offer the TLS that is required.
        case tls
        /// Nothing would prove who the peer is: TLS was asked for without a pre-shared key.
        case unauthenticated
        /// A deadline passed before the connection was ready.
        case timedOut
        /// The connection is gone, or the server is silent or shutting down. Says nothing about the disk.
        case connectionLost
        /// The server lives and answered the request with an error.
        case serverError
        /// The server broke the protocol: its answers can no longer be believed.
        case protocolViolation
        /// The wait was ended by the caller's descriptor.
        case interrupted
    }

    /// What kind of failure it is.
    public let kind: Kind
    /// What was tried, for example `connect` or `read`.
    public let operation: String
    /// The `errno` of the failure, 0 where there is none.
    public let code: CInt
    /// What libnbd or this module said.
    public let message: String

    /// - Parameters:
    ///   - kind: what kind of failure it is.
    ///   - operation: what was tried.
    ///   - code: an `errno`, 0 where there is none.
    ///   - message: one line.
    public init(_ kind: Kind, _ operation: String, code: CInt = 0, _ message: String) {
        self.kind = kind
        self.operation = operation
        self.code = code
        self.message = message
    }

    /// Takes libnbd's error of the calling thread.
    ///
    /// Must be called on the thread of the failing call, and before any other call into libnbd.
    /// The C functions are `nbd_get_error` and `nbd_get_errno`. A connection that fails with `ENOTSUP` is one whose two
    /// sides disagree on whether TLS is needed, whatever the caller took it for.
    static func last(_ kind: Kind, _ operation: String) -> NBDError {
        let code = nbd_get_errno()
        let text = nbd_get_error().map { String(cString: $0) } ?? String(cString: strerror(code))
        return NBDError(kind == .connect && code == ENOTSUP ? .tls : kind, operation, code: code, text)
    }
}

extension NBDError: CustomStringConvertible {
    /// What was tried, and what the library said.
    public var description: String { "\(operation): \(message)" }
}
