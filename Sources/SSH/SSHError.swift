import Glibc
import Platform
import SystemPackage

/// What went wrong in an SSH session, with the operation and libssh's own message.
public struct SSHError: Error, Hashable, Sendable {
    /// The kinds of failure a caller has to tell apart.
    public enum Kind: Hashable, Sendable {
        /// The peer is gone: the connection ended, or nothing was heard from it for too long.
        case linkLost
        /// The operation's own deadline passed while the peer was still heard, or before it ever spoke.
        case deadline
        /// The peer ended the connection and said so (`SSH_MSG_DISCONNECT`).
        case disconnected
        /// The peer said no: to every means of authentication, to a channel, to a request.
        case denied
        /// The peer's bytes made no sense, or no algorithm is common to both.
        case protocolFailure
        /// A file descriptor or a file on this side failed; the code is `errno`.
        case local
        /// A command said more than the caller's limit.
        case tooMuchOutput
        /// The session had been closed on this side.
        case closed
        /// libssh reports a failure that is none of these: the code and the message say which.
        case other
    }

    /// What kind of failure it is.
    public let kind: Kind
    /// What was being done, for example `key exchange`.
    public let operation: String
    /// libssh's code (`ssh_get_error_code`), or `errno` for ``Kind/local``, or 0.
    public let code: Int32
    /// libssh's own message, or ours where the failure is ours to tell.
    public let message: String
    /// After a failed authentication: the methods the server takes, as it names them.
    public let offeredMethods: [String]
    /// What a command had written to its standard output when its time was over.
    public let output: [UInt8]

    init(
        _ kind: Kind, _ operation: String, code: Int32 = 0, _ message: String, offeredMethods: [String] = [],
        output: [UInt8] = []
    ) {
        self.kind = kind
        self.operation = operation
        self.code = code
        self.message = message
        self.offeredMethods = offeredMethods
        self.output = output
    }

    /// A failure of a C function, read from `errno` at once.
    static func local(_ operation: String, errno code: Int32 = errno) -> SSHError {
        SSHError(.local, operation, code: code, String(cString: strerror(code)))
    }

    /// A failure of Platform's.
    static func local(_ error: SystemError) -> SSHError {
        SSHError(.local, "system", code: error.errno?.rawValue ?? 0, error.message)
    }

    static func deadline(_ operation: String, _ deadline: Duration) -> SSHError {
        SSHError(.deadline, operation, "no answer within \(seconds(deadline)) s")
    }

    /// A duration as people read it: `10`, or `0.5`.
    static func seconds(_ duration: Duration) -> String {
        let tenths = Int((duration / .milliseconds(100)).rounded())
        return tenths % 10 == 0 ? String(tenths / 10) : "\(tenths / 10).\(tenths % 10)"
    }
}

extension SSHError: CustomStringConvertible {
    /// The operation and what went wrong with it, in one line.
    public var description: String { "\(operation): \(message)" }
}
