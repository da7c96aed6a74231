import CLinux
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

    /// Makes a pipe, both ends close-on-exec from the first moment on.
    ///
    /// - Parameter nonblocking: the ends that get `O_NONBLOCK`; none by default.
    /// - Throws: `SystemError` (`noDescriptor`) where the process or the system has none left. The C functions are `pipe2`
    ///   and `fcntl`.
    public init(nonblocking: Ends = []) throws(SystemError) {
        var ends: [CInt] = [-1, -1]
        guard clinux_pipe2(&ends, O_CLOEXEC) == 0 else { throw Self.failure(errno) }
        for (end, kind) in [(ends[0], Ends.read), (ends[1], .write)] where nonblocking.contains(kind) {
            guard fcntl(end, F_SETFL, O_NONBLOCK) == 0 else {
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

    /// Asks for a larger buffer: fewer turns for each megabyte.
    ///
    /// - Parameters:
    ///   - pipe: either end.
    ///   - size: in bytes; an ordinary user gets no more than `/proc/sys/fs/pipe-max-size`.
    /// - Returns: whether it was granted; the pipe works without, too. The C function is `fcntl` with `F_SETPIPE_SZ`.
    @discardableResult
    public static func enlarge(_ pipe: CInt, to size: CInt) -> Bool {
        fcntl(pipe, clinux_f_setpipe_sz, size) >= 0
    }

    private static func failure(_ code: CInt) -> SystemError {
        SystemError(.noDescriptor, "no pipe to be had", code: code)
    }
}
