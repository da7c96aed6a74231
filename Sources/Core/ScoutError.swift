public import SystemPackage

/// What went wrong, in the user's words, with the next thing to type.
///
/// The code fixes the exit status of the process; scripts rely on both.
public struct ScoutError: Error, Hashable, Sendable {
    /// The kinds of failure, each with one exit status (after BSD `sysexits.h`).
    public enum Code: String, Codable, CaseIterable, Sendable {
        case failed
        case usage
        case badData
        case noSource
        case unreachable
        case cannotCreate
        case io
        case busy
        case protocolViolation
        case refused
        case interrupted

        /// The exit status of a process that ends with this kind of failure.
        public var exitStatus: Int32 {
            switch self {
            case .failed: 1
            case .usage: 64
            case .badData: 65
            case .noSource: 66
            case .unreachable: 69
            case .cannotCreate: 73
            case .io: 74
            case .busy: 75
            case .protocolViolation: 76
            case .refused: 77
            case .interrupted: 130
            }
        }
    }

    /// The kind of failure.
    public let code: Code
    /// One line that says what failed and why.
    public let message: String
    /// The next thing to do, best a command to type.
    public let hint: String?
    /// The number of the system call that failed, where one did: errors are told apart by it, never by their text.
    public let errno: Errno?

    /// - Parameters:
    ///   - code: the kind of failure, which fixes the exit status.
    ///   - message: one line, in the user's words, without a final full stop.
    ///   - hint: the next thing to do.
    ///   - errno: the number of the system call that failed, where one did.
    public init(_ code: Code, _ message: String, hint: String? = nil, errno: Errno? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
        self.errno = errno
    }
}

extension ScoutError: CustomStringConvertible {
    /// The message alone.
    public var description: String { message }
}
