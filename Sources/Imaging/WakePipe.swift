import Core
import Glibc
import Platform

/// A descriptor that makes a waiting `poll` return.
final class WakePipe: Sendable {
    /// Readable after `signal`, until `drain`.
    let descriptor: CInt
    private let writer: CInt

    init() throws(ScoutError) {
        let ends = try ScoutError.wrap(PipeEnds(nonblocking: [.read, .write]))
        descriptor = ends.read
        writer = ends.write
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
