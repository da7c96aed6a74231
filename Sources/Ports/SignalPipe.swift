import Core
import Glibc
import Platform
import Synchronization

/// Where the signal handlers write to; set once, before the handlers are installed.
private let writeEnd = Atomic<CInt>(-1)

/// Signals as bytes on a descriptor, for a `poll` loop. One per process.
struct SignalPipe {
    /// Readable when a signal has come.
    let descriptor: CInt

    /// Installs handlers for the signals, which stay until the process ends.
    ///
    /// - Throws: `ScoutError` (`io`) where there is no descriptor left.
    init(_ signals: [CInt]) throws(ScoutError) {
        let ends = try ScoutError.wrap(PipeEnds(nonblocking: [.read, .write]))
        descriptor = ends.read
        writeEnd.store(ends.write, ordering: .sequentiallyConsistent)
        for number in signals {
            signal(number) { number in
                let saved = errno
                var byte = UInt8(truncatingIfNeeded: number)
                // A pipe that is full of signals has room for no more news.
                _ = write(writeEnd.load(ordering: .sequentiallyConsistent), &byte, 1)
                errno = saved
            }
        }
    }

    /// The signals that have come since the last call.
    func pending() -> Set<CInt> {
        var bytes = [UInt8](repeating: 0, count: 512)
        let count = read(descriptor, &bytes, bytes.count)
        return Set(bytes.prefix(max(count, 0)).map { CInt($0) })
    }
}
