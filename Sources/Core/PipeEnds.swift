import Glibc

/// The two ends of a pipe, which no program that is started inherits by accident.
///
/// Neither is closed by being forgotten: each has an owner of its own in the end.
public struct PipeEnds: Sendable {
    /// Which ends a caller must not wait at.
    public struct Ends: OptionSet, Sendable {
        /// One bit for each end.
        public let rawValue: Int
        /// - Parameter rawValue: one bit for each end.
        public init(rawValue: Int) { self.rawValue = rawValue }
        /// Reading from an empty pipe is `EAGAIN`.
        public static let read = Ends(rawValue: 1)
        /// Writing to a full pipe is `EAGAIN`.
        public static let write = Ends(rawValue: 2)
    }

    /// Where bytes come out.
    public let read: CInt
    /// Where bytes go in.
    public let write: CInt

    /// Makes a pipe, both ends close-on-exec.
    ///
    /// - Parameter nonblocking: the ends that get `O_NONBLOCK`; none by default.
    /// - Throws: `ScoutError` (`io`) where the process or the system has no descriptor left. The C functions are `pipe` and
    ///   `fcntl`.
    public init(nonblocking: Ends = []) throws(ScoutError) {
        var ends: [CInt] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Self.failure(errno) }
        let kinds: [Ends] = [.read, .write]
        for (end, kind) in zip(ends, kinds) {
            guard fcntl(end, F_SETFD, FD_CLOEXEC) == 0,
                !nonblocking.contains(kind) || fcntl(end, F_SETFL, O_NONBLOCK) == 0
            else {
                let code = errno
                for end in ends { Glibc.close(end) }
                throw Self.failure(code)
            }
        }
        (read, write) = (ends[0], ends[1])
    }

    /// Closes both.
    public func close() {
        for end in [read, write] { Glibc.close(end) }
    }

    private static func failure(_ code: CInt) -> ScoutError {
        ScoutError(
            .io, "no pipe to be had: \(String(cString: strerror(code)))", hint: "too many files are open: ulimit -n")
    }
}
