import Core
import Glibc

/// A descriptor that makes a waiting `poll` return.
final class WakePipe: Sendable {
    /// Readable after `signal`, until `drain`.
    let descriptor: CInt
    private let writer: CInt

    init() throws(ScoutError) {
        var ends: [CInt] = [-1, -1]
        guard pipe(&ends) == 0 else { throw ScoutError.system(.io, "cannot make a pipe", errno) }
        for end in ends {
            // A pipe's own end takes both; a blocking one would hang `drain`.
            guard fcntl(end, F_SETFL, O_NONBLOCK) == 0, fcntl(end, F_SETFD, FD_CLOEXEC) == 0 else {
                let code = errno
                for end in ends { close(end) }
                throw ScoutError.system(.io, "cannot set up a pipe", code)
            }
        }
        descriptor = ends[0]
        writer = ends[1]
    }

    deinit {
        close(descriptor)
        close(writer)
    }

    /// May be called from any thread, and from a signal handler. A full pipe is as good a signal as one more byte.
    func signal() {
        var byte: UInt8 = 1
        _ = write(writer, &byte, 1)
    }

    func drain() {
        var bytes = [UInt8](repeating: 0, count: 512)
        while read(descriptor, &bytes, bytes.count) == bytes.count {}
    }
}

extension ScoutError {
    /// A failed system call, in words.
    static func system(_ code: Code, _ what: String, _ number: CInt, hint: String? = nil) -> ScoutError {
        ScoutError(code, "\(what): \(String(cString: strerror(number)))", hint: hint)
    }
}
