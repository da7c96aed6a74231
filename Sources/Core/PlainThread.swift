import Glibc

/// A thread of the operating system, for work that computes or blocks and has no place on the cooperative pool.
public enum PlainThread {
    /// Runs a closure on a thread of its own, detached.
    ///
    /// - Throws: `ScoutError` (`io`) where the system has no thread left. The C function is `pthread_create`.
    public static func start(_ body: @escaping @Sendable () -> Void) throws(ScoutError) {
        let box = Unmanaged.passRetained(Box(body))
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, CInt(PTHREAD_CREATE_DETACHED))
        var thread = pthread_t()
        let status = pthread_create(
            &thread, &attributes,
            { data in
                if let data { Unmanaged<Box>.fromOpaque(data).takeRetainedValue().body() }
                return nil
            }, box.toOpaque())
        guard status == 0 else {
            box.release()
            throw ScoutError(.io, "cannot start a thread: \(String(cString: strerror(status)))")
        }
    }

    /// Runs blocking work on a thread of its own and waits for its result without blocking the caller's.
    public static func run<Result: Sendable>(
        _ body: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            do {
                try start { continuation.resume(with: Swift.Result(catching: body)) }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }

    private final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
}
