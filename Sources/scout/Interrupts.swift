import Dispatch
import Glibc
import Synchronization

/// Turns Ctrl-C, and the signals that end a program, into an orderly end. A second one ends the process at once.
final class Interrupts {
    private final class Latch: Sendable {
        let isSet = Atomic(false)
    }

    private let sources: [any DispatchSourceSignal]

    /// - Parameter handler: called once, on a thread of its own.
    init(_ handler: @escaping @Sendable () -> Void) {
        let queue = DispatchQueue(label: "interrupts")
        let latch = Latch()
        sources = [SIGINT, SIGTERM, SIGHUP].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                if latch.isSet.exchange(true, ordering: .acquiringAndReleasing) { _exit(130) }
                handler()
            }
            source.resume()
            return source
        }
    }

    /// Gives the signals back their own meaning.
    func stop() {
        for source in sources { source.cancel() }
        for number in [SIGINT, SIGTERM, SIGHUP] { signal(number, SIG_DFL) }
    }
}
