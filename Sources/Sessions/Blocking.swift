import Core
import Platform

/// Runs code that blocks on a thread of its own, as Swift's pool has no more threads than the machine has processors.
func blocking<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
        let work: @Sendable () -> Void = { continuation.resume(returning: body()) }
        // No thread to be had: better here than never.
        do { try Thread.start(work) } catch { work() }
    }
}
