public import Core
import Synchronization

/// The handle by which an acquisition or a verification is ended early.
///
/// Everything that waits, waits for this as well, so that the work ends within 200 ms.
public final class Cancellation: Sendable {
    private let isSet = Atomic<Bool>(false)
    private let handlers = Mutex<[@Sendable () -> Void]>([])
    let wake: WakePipe

    /// - Throws: `ScoutError` (`io`) where the process has no descriptors left.
    public init() throws(ScoutError) {
        wake = try WakePipe()
    }

    /// Whether `cancel` was called.
    public var isCancelled: Bool { isSet.load(ordering: .acquiring) }

    /// Ends the work that watches this handle. May be called from any thread, and more than once.
    public func cancel() {
        guard !isSet.exchange(true, ordering: .acquiringAndReleasing) else { return }
        wake.signal()
        let waiting = handlers.withLock { list in
            defer { list = [] }
            return list
        }
        for handler in waiting { handler() }
    }

    /// Throws once `cancel` was called.
    func check() throws(ScoutError) {
        if isCancelled { throw Self.error }
    }

    /// Runs a closure when the handle is cancelled, at once where it already is.
    func onCancel(_ handler: @escaping @Sendable () -> Void) {
        let isLate = handlers.withLock { list in
            if isCancelled { return true }
            list.append(handler)
            return false
        }
        if isLate { handler() }
    }

    static let error = ScoutError(.interrupted, "interrupted")
}
