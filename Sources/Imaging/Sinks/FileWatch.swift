import Core
import Glibc
import Platform
import Synchronization

/// Looks after the files of an acquisition while it lasts: that one was taken away is found at once, not at the end.
final class FileWatch: Sendable {
    private static let interval: CInt = 250

    private let wake: WakeEvent

    /// - Parameter cancellation: cancelled with the reason, within a second of the cause.
    init(_ files: ImageFiles, _ cancellation: Cancellation<ScoutError>) throws(ScoutError) {
        let wake = try ScoutError.wrap(WakeEvent())
        self.wake = wake
        try ScoutError.wrap(
            Thread.start {
                var descriptor = pollfd(fd: wake.descriptor, events: Int16(POLLIN), revents: 0)
                // Cut short by a signal it looks once more.
                while poll(&descriptor, 1, Self.interval) <= 0 {
                    do throws(ScoutError) {
                        try files.check()
                    } catch {
                        // The last step gives the image its name, which is no surprise then.
                        if !files.isNaming { cancellation.cancel(error) }
                        return
                    }
                }
            })
    }

    func stop() { wake.signal() }
}
