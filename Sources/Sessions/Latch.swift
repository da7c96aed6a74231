import Synchronization

/// Something that happens once, whoever comes first.
final class Latch: Sendable {
    private let isDone = Atomic(false)

    /// - Returns: whether the caller is the first.
    func close() -> Bool { !isDone.exchange(true, ordering: .acquiringAndReleasing) }
}
