import Synchronization

/// Something that happens once, whoever comes first.
public final class OnceFlag: Sendable {
    private let isDone = Atomic(false)

    /// Not yet done.
    public init() {}

    /// - Returns: whether the caller is the first.
    public func take() -> Bool { !isDone.exchange(true, ordering: .acquiringAndReleasing) }
}

/// Resumes one continuation with whatever comes first.
public final class OnceResult<Value: Sendable>: Sendable {
    private enum State {
        case fresh
        case early(Result<Value, any Error>)
        case waiting(CheckedContinuation<Value, any Error>)
        case done
    }

    private let state = Mutex(State.fresh)

    /// Nothing has come yet.
    public init() {}

    /// Has a continuation resumed, at once where something has come already. To be called once.
    public func wait(_ continuation: CheckedContinuation<Value, any Error>) {
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

    /// Hands over what has come; what comes later is passed over.
    public func resume(_ result: Result<Value, any Error>) {
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
