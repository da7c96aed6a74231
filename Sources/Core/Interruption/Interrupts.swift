import Glibc
import Platform

/// Turns Ctrl-C, and the signals that end a program, into an orderly end in bounded time.
///
/// The first one begins it; a second one leaves it less time, and skips nothing. A signal that was ignored when the program
/// began, as `nohup` has it, stays ignored.
public final class Interrupts {
    /// How often it is looked whether the time for an orderly end is over.
    private static let look = Duration.milliseconds(50)

    private let caught: CaughtSignals?

    /// - Parameters:
    ///   - outstanding: what an end that takes too long must say.
    ///   - end: ends the process with an error, where the work has not ended in time.
    ///   - handler: called once, on a thread of its own.
    public init(
        _ outstanding: Outstanding, end: @escaping @Sendable (ScoutError) -> Void,
        _ handler: @escaping @Sendable () -> Void
    ) {
        // Without a descriptor or a thread a signal does what it does by itself.
        guard let caught = try? CaughtSignals([SIGINT, SIGTERM, SIGHUP]) else {
            self.caught = nil
            return
        }
        do {
            try Thread.start { Self.watch(caught, outstanding, end, handler) }
            self.caught = caught
        } catch {
            caught.release()
            self.caught = nil
        }
    }

    private static func watch(
        _ caught: CaughtSignals, _ outstanding: Outstanding, _ end: @Sendable (ScoutError) -> Void,
        _ handler: @Sendable () -> Void
    ) {
        var isEnding = false
        while true {
            var ready = pollfd(fd: caught.descriptor, events: Int16(POLLIN), revents: 0)
            // It can fail for want of memory only, and is asked again.
            if poll(&ready, 1, isEnding ? look.pollTimeout : -1) < 0 { usleep(10_000) }
            if ready.revents != 0 {
                let came = caught.pending()
                // The end of them: they have their own meaning again.
                if came.isEmpty { return }
                for _ in came {
                    guard let others = outstanding.interrupt() else { continue }
                    isEnding = true
                    handler()
                    for other in others { other() }
                }
            }
            if isEnding { outstanding.giveUpWhenDue(end) }
        }
    }

    /// Gives the signals back their own meaning.
    public func stop() { caught?.release() }
}
