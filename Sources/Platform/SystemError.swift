public import SystemPackage

/// A call to the operating system that failed: what was tried, why it did not work, and the number the kernel gave.
///
/// Platform knows neither exit codes nor what to type next: `Kind` tells apart what an `errno` alone can't, and each room
/// chooses its own words by it.
public struct SystemError: Error, Hashable, Sendable {
    /// What kind of failure it was.
    public enum Kind: Hashable, Sendable {
        /// Reading, writing, or anything that says no more than its number.
        case io
        /// Something could not be made: a file, a directory, a socket's name.
        case cannotCreate
        /// There is more than may be read.
        case tooLarge
        /// There is nothing of that name.
        case missing
        /// Another user could have made it, or could exchange it.
        case untrusted
        /// As ``untrusted``: a directory on the way that belongs to somebody else.
        case foreignDirectory
        /// As ``untrusted``: a directory on the way that everybody may write to.
        case openToAll(path: String)
        /// As ``untrusted``: a link, a FIFO, a device, a directory, or another user's file where a plain file should be.
        case notPlainFile
        /// A path that can't be the address of a Unix socket.
        case socketPath
        /// No descriptor to be had.
        case noDescriptor
        /// No thread to be had.
        case noThread
        /// A program could not be started.
        case cannotStart
        /// The address is not one that this process may dial.
        case notPermitted
        /// The list of networks that may be dialled can't be read.
        case badPolicy
        /// This machine lacks what a connection takes, which says nothing of the other one.
        case cannotDial
        /// Nothing listens there.
        case connectionRefused
        /// Nobody answered in time.
        case noAnswer
        /// No way there, or the connection was ended while it was made.
        case noRoute
        /// This machine has no interface of that name.
        case noInterface
        /// A link-local address without the interface it is behind.
        case needsInterface(host: String)
        /// The resolver does not know the name.
        case unknownName
        /// The resolver did not answer in time.
        case silentResolver
        /// A process that was started did not begin its work.
        case notReady
        /// It is held by somebody else.
        case busy
        /// What the other side sent can't be right.
        case badData
    }

    /// What kind of failure it was.
    public let kind: Kind
    /// One line that says what failed and why, without a final full stop.
    public let message: String
    /// The number of the failed call; `nil` where no call failed.
    public let errno: Errno?

    /// A failure in words of its own.
    ///
    /// - Parameters:
    ///   - kind: what kind of failure it was.
    ///   - message: one line that says what failed and why.
    ///   - errno: the number of the failed call, if one did.
    public init(_ kind: Kind, _ message: String, errno: Errno? = nil) {
        self.kind = kind
        self.message = message
        self.errno = errno
    }

    /// A call that failed, with the C library's words for its number behind what was tried.
    ///
    /// - Parameters:
    ///   - kind: what kind of failure it was.
    ///   - what: the operation or the path.
    ///   - code: `errno` right behind the call.
    public init(_ kind: Kind, _ what: String, code: CInt) {
        self.init(kind, "\(what): \(Errno(rawValue: code))", errno: Errno(rawValue: code))
    }

    /// As ``init(_:_:code:)``, of the kind `io`.
    public init(_ what: String, code: CInt) {
        self.init(.io, what, code: code)
    }
}

extension SystemError: CustomStringConvertible {
    /// The message alone.
    public var description: String { message }
}
