import Core
import Glibc
import Platform

/// White space before a JSON answer that takes long, so that who waits for it knows that somebody works.
enum KeepAlive {
    /// Prints a line end now and then, on a thread of its own, until the result is printed.
    ///
    /// - Parameters:
    ///   - interval: the time between two, a second at least.
    ///   - console: where the result will be printed.
    /// - Throws: `ScoutError` (`io`) where the system has no thread left.
    static func start(every interval: Duration, on console: Console) throws(ScoutError) {
        let seconds = CUnsignedInt(clamping: max(interval.components.seconds, 1))
        try ScoutError.wrap(
            Thread.start {
                // A signal only makes a pause shorter. Where nothing can be written the result can't either, which is told then.
                repeat { sleep(seconds) } while console.printWhiteSpace()
            })
    }
}
