import Glibc

/// A thread of the operating system, for work that computes or blocks and has no place on the cooperative pool.
///
/// Signals for the process are other threads' to handle: on these, no call ends early because of one.
public enum Thread {
    /// Runs a closure on a thread of its own, detached.
    ///
    /// - Throws: `SystemError` (`noThread`) where the system has no thread left. The C function is `pthread_create`.
    public static func start(_ body: @escaping @Sendable () -> Void) throws(SystemError) {
        let box = Unmanaged.passRetained(Box(body))
        // The new thread has its creator's mask from its first moment on.
        var all = sigset_t()
        sigfillset(&all)
        // What the thread does wrong itself is still told, and not held back.
        for fault in [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT] { sigdelset(&all, fault) }
        var before = sigset_t()
        let isMasked = pthread_sigmask(SIG_BLOCK, &all, &before) == 0
        defer { if isMasked { pthread_sigmask(SIG_SETMASK, &before, nil) } }
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
    ///
    /// - Throws: what the work throws, or `SystemError` (`noThread`).
    public static func run<Value: Sendable>(
        _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            do {
                try start { continuation.resume(with: Result(catching: body)) }
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

    /// As ``run(_:)``, for work that can't fail: where there is no thread to be had, it is done on the caller's, as better
    /// there than never.
    public static func blocking<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            let work: @Sendable () -> Void = { continuation.resume(returning: body()) }
            do { try start(work) } catch { work() }
        }
    }

    private final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
}
