import Core
import Platform
import Synchronization

/// The hash that the source computes of itself while the image travels.
final class SourceHashing: Sendable {
    typealias Digests = [HashAlgorithm: String]

    private let compute: @Sendable () async throws -> Digests
    private let task = Mutex<Task<Digests, any Error>?>(nil)

    init(_ compute: @escaping @Sendable () async throws -> Digests) {
        self.compute = compute
    }

    func start() {
        task.withLock { if $0 == nil { $0 = Task(operation: compute) } }
    }

    func cancel() { task.withLock { $0?.cancel() } }

    /// Waits for the digests, and no longer than the user does.
    func digests(_ cancellation: Cancellation<ScoutError>) async throws -> Digests {
        guard let running = task.withLock({ $0 }) else { return [:] }
        let once = OnceResult<Digests>()
        let watch = cancellation.onCancel {
            running.cancel()
            once.resume(.failure(cancellation.reason))
        }
        defer { cancellation.forget(watch) }
        return try await withCheckedThrowingContinuation { continuation in
            once.wait(continuation)
            Task { once.resume(await running.result) }
        }
    }
}
