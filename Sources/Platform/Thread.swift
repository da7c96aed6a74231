import Glibc

/// A thread of the operating system, for work that computes or blocks and has no place on the cooperative pool.
public enum Thread {
    /// Runs a closure on a thread of its own, detached.
    ///
    /// - Throws: `SystemError` (`noThread`) where the system has no thread left. The C function is `pthread_create`.
    public static func start(_ body: @escaping @Sendable () -> Void) throws(SystemError) {
        let box = Unmanaged.passRetained(Box(body))
        // Without an initial value: Swift sees more than one module that defines the type.
        let status = withUnsafeTemporaryAllocation(of: pthread_attr_t.self, capacity: 1) { buffer -> CInt in
            guard let attributes = buffer.baseAddress else { return ENOMEM }
            let code = pthread_attr_init(attributes)
            guard code == 0 else { return code }
            defer { pthread_attr_destroy(attributes) }
            pthread_attr_setdetachstate(attributes, CInt(PTHREAD_CREATE_DETACHED))
            var thread = pthread_t()
            return pthread_create(
                &thread, attributes,
                { data in
                    if let data { Unmanaged<Box>.fromOpaque(data).takeRetainedValue().body() }
                    return nil
                }, box.toOpaque())
        }
        guard status == 0 else {
            box.release()
            throw SystemError(.noThread, "cannot start a thread", code: status)
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

    /// As ``run(_:)``, for work that fails in one way.
    ///
    /// - Throws: what the work throws, or `SystemError` (`noThread`).
    public static func attempt<Value: Sendable>(
        _ body: @escaping @Sendable () throws(SystemError) -> Value
    ) async throws(SystemError) -> Value {
        let result: Result<Value, SystemError> = await withCheckedContinuation { continuation in
            do throws(SystemError) {
                try start { continuation.resume(returning: Result(catching: body)) }
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
        return try result.get()
    }

    private final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
}
