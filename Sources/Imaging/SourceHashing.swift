import Core
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
    func digests(_ cancellation: Cancellation) async throws -> Digests {
        guard let running = task.withLock({ $0 }) else { return [:] }
        let once = Once()
        return try await withCheckedThrowingContinuation { continuation in
            once.wait(continuation)
            cancellation.onCancel {
                running.cancel()
                once.resume(.failure(Cancellation.error))
            }
            Task { once.resume(await running.result) }
        }
    }

    /// Resumes one continuation with whatever comes first.
    private final class Once: Sendable {
        private let continuation = Mutex<CheckedContinuation<Digests, any Error>?>(nil)

        func wait(_ continuation: CheckedContinuation<Digests, any Error>) {
            self.continuation.withLock { $0 = continuation }
        }

        func resume(_ result: Result<Digests, any Error>) {
            let waiting = continuation.withLock { slot in
                defer { slot = nil }
                return slot
            }
            waiting?.resume(with: result)
        }
    }
}
