import Synchronization

/// The handle by which work is ended early, on threads and in tasks.
///
/// Whatever waits, waits for this as well: a loop looks at ``isCancelled``, a `poll` at ``wake``, a callback is given to
/// ``onCancel(_:)``. A call that the kernel does not return from, as on a disk that no longer answers, is left behind.
///
///     let cancellation = try Cancellation(ScoutError(.interrupted, "interrupted"))
///     let hash = try await cancellation.run { try hash(disk) }
public final class Cancellation<Reason: Error>: Sendable {
    private struct State {
        var reason: Reason?
        var handlers: [Int: @Sendable () -> Void] = [:]
        var lastHandler = 0
    }

    private let isSet = Atomic<Bool>(false)
    private let state = Mutex(State())
    private let standard: Reason
    private let grace: Duration
    /// Readable once it is cancelled, for `poll`; nobody drains it.
    public let wake: WakeEvent

    /// - Parameters:
    ///   - standard: what work that is cancelled without another reason ends with.
    ///   - grace: how long work that was cancelled may take to notice, before ``run(_:)`` leaves it behind; 2 s by default.
    /// - Throws: `SystemError` (`noDescriptor`).
    public init(_ standard: Reason, grace: Duration = .seconds(2)) throws(SystemError) {
        self.standard = standard
        self.grace = grace
        wake = try WakeEvent()
    }

    /// Whether `cancel` was called.
    public var isCancelled: Bool { isSet.load(ordering: .acquiring) }

    /// Ends the work that watches this handle. May be called from any thread, and more than once.
    public func cancel() { cancel(standard) }

    /// Ends the work with an error of its own; the first reason is the one that counts.
    public func cancel(_ reason: Reason) {
        let waiting = state.withLock { state -> [@Sendable () -> Void] in
            guard state.reason == nil else { return [] }
            state.reason = reason
            defer { state.handlers = [:] }
            return Array(state.handlers.values)
        }
        isSet.store(true, ordering: .releasing)
        wake.signal()
        for handler in waiting { handler() }
    }

    /// What ended the work; the standard reason where nothing did.
    public var reason: Reason { state.withLock { $0.reason } ?? standard }

    /// Throws the reason once `cancel` was called.
    public func check() throws(Reason) {
        if isCancelled { throw reason }
    }

    /// Runs a closure when the handle is cancelled, on the thread that cancels; at once where it already is.
    ///
    /// - Returns: what ``forget(_:)`` takes.
    @discardableResult
    public func onCancel(_ handler: @escaping @Sendable () -> Void) -> Int {
        let number = state.withLock { state -> Int? in
            guard state.reason == nil else { return nil }
            state.lastHandler += 1
            state.handlers[state.lastHandler] = handler
            return state.lastHandler
        }
        guard let number else {
            handler()
            return 0
        }
        return number
    }

    /// Takes a closure back that ``onCancel(_:)`` was given.
    public func forget(_ number: Int) { state.withLock { $0.handlers[number] = nil } }

    /// Runs blocking work on a thread of its own, and waits for it; after a cancellation no longer than the grace.
    ///
    /// - Parameter body: looks at this handle by itself. Where it is left behind, it goes on until its call returns.
    /// - Throws: what the work throws, the reason where it was left behind, or `SystemError` (`noThread`).
    public func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        let once = OnceResult<Value>()
        let watch = onCancel { [self] in
            Task {
                // Only a task that is cancelled sleeps shorter, and nobody has this one.
                try? await Task.sleep(for: grace)
                once.resume(.failure(reason))
            }
        }
        defer { forget(watch) }
        return try await withCheckedThrowingContinuation { continuation in
            once.wait(continuation)
            do {
                try Thread.start { once.resume(Result(catching: body)) }
            } catch {
                once.resume(.failure(error))
            }
        }
    }

    /// Cancels this handle when the task is cancelled that runs the body.
    public func following<Value: Sendable>(_ body: () async throws -> Value) async rethrows -> Value {
        try await withTaskCancellationHandler {
            try await body()
        } onCancel: {
            cancel()
        }
    }
}
