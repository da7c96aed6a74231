public import Core
import Glibc
import Platform
import Synchronization

/// The handle by which an acquisition or a verification is ended early.
///
/// Everything that waits, waits for this as well, so that the work ends within 200 ms; a call that the kernel does not
/// return from, as on a disk that no longer answers, is left behind after 2 s more.
public final class Cancellation: Sendable {
    /// How long work that was cancelled may take to notice.
    static let grace = Duration.seconds(2)

    private struct State {
        var reason: ScoutError?
        var handlers: [Int: @Sendable () -> Void] = [:]
        var lastHandler = 0
    }

    private let isSet = Atomic<Bool>(false)
    private let state = Mutex(State())
    let wake: WakePipe

    /// - Throws: `ScoutError` (`io`) where the process has no descriptors left.
    public init() throws(ScoutError) {
        wake = try WakePipe()
    }

    /// Whether `cancel` was called.
    public var isCancelled: Bool { isSet.load(ordering: .acquiring) }

    /// Ends the work that watches this handle. May be called from any thread, and more than once.
    public func cancel() { cancel(Self.interrupted) }

    /// Ends the work with an error of its own; the first reason is the one that counts.
    func cancel(_ reason: ScoutError) {
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

    /// What ended the work; `interrupted` where nothing did.
    var reason: ScoutError { state.withLock { $0.reason } ?? Self.interrupted }

    /// Throws once `cancel` was called.
    func check() throws(ScoutError) {
        if isCancelled { throw reason }
    }

    /// Runs a closure when the handle is cancelled, at once where it already is.
    ///
    /// - Returns: what `forget` takes.
    @discardableResult
    func onCancel(_ handler: @escaping @Sendable () -> Void) -> Int {
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

    /// Takes a closure back that `onCancel` was given.
    func forget(_ number: Int) { state.withLock { $0.handlers[number] = nil } }

    /// Runs blocking work on a thread of its own, and waits for it; after a cancellation no longer than the grace.
    ///
    /// - Parameter body: looks at this handle by itself. Where it is left behind, it goes on until its call returns.
    func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        let once = Once<Value>()
        let watch = onCancel { [self] in
            Task {
                try? await Task.sleep(for: Self.grace)
                once.resume(.failure(reason))
            }
        }
        defer { forget(watch) }
        return try await withCheckedThrowingContinuation { continuation in
            once.wait(continuation)
            do {
                try ScoutError.wrap(Thread.start { once.resume(Result(catching: body)) })
            } catch {
                once.resume(.failure(error))
            }
        }
    }

    private static let interrupted = ScoutError(.interrupted, "interrupted")
}

/// Resumes one continuation with whatever comes first.
final class Once<Value: Sendable>: Sendable {
    private enum State {
        case fresh
        case early(Result<Value, any Error>)
        case waiting(CheckedContinuation<Value, any Error>)
        case done
    }

    private let state = Mutex(State.fresh)

    func wait(_ continuation: CheckedContinuation<Value, any Error>) {
        let early = state.withLock { state -> Result<Value, any Error>? in
            if case .early(let result) = state {
                state = .done
                return result
            }
            state = .waiting(continuation)
            return nil
        }
        if let early { continuation.resume(with: early) }
    }

    func resume(_ result: Result<Value, any Error>) {
        let waiting = state.withLock { state -> CheckedContinuation<Value, any Error>? in
            switch state {
            case .fresh: state = .early(result)
            case .waiting(let continuation):
                state = .done
                return continuation
            case .early, .done: break
            }
            return nil
        }
        waiting?.resume(with: result)
    }
}
