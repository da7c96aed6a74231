import Synchronization

/// What would be left behind if the process ended now, and how long an orderly end may take.
public final class Outstanding: Sendable {
    private struct State {
        var text: String?
        var last: [@Sendable () -> Void] = []
        var handlers: [@Sendable () -> Void] = []
        var interrupts = 0
        var due: ContinuousClock.Instant?
    }

    private let state = Mutex(State())

    /// Nothing to be left behind.
    public init() {}

    /// How long an end may take where something is left to be done at the far side.
    private static let patience = Duration.seconds(10)
    /// How long where nothing is, or after the second interrupt.
    private static let haste = Duration.milliseconds(1500)

    /// Notes what stays at the far side where it can't be cleared up: what, where, and until when; `nil` for nothing.
    public func note(_ text: String?) {
        state.withLock { $0.text = text }
    }

    /// Has something done before the process ends without having ended its work, as to remove a file of this machine.
    public func atEnd(_ body: @escaping @Sendable () -> Void) {
        state.withLock { $0.last.append(body) }
    }

    /// Has something done at the first interrupt, at once where it has come.
    public func onInterrupt(_ body: @escaping @Sendable () -> Void) {
        let isLate = state.withLock { state in
            if state.interrupts == 0 { state.handlers.append(body) }
            return state.interrupts > 0
        }
        if isLate { body() }
    }

    /// Whether somebody wants the end.
    public var isInterrupted: Bool { state.withLock { $0.interrupts > 0 } }

    /// Runs what can be interrupted: a dial, a login or a question to the container is given up; what must not be is a task
    /// of its own. A link that was given up for that is no failure of its own.
    ///
    /// - Throws: what the body throws; `ScoutError` (`interrupted`).
    public func running<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) async throws -> Result
    {
        let work = Task { try await body() }
        onInterrupt { work.cancel() }
        do {
            return try await work.value
        } catch let error as ScoutError where isInterrupted && [.unreachable, .protocolViolation].contains(error.code) {
            throw ScoutError(.interrupted, "interrupted")
        }
    }

    /// - Returns: what is to be done; nothing but at the first one.
    func interrupt() -> [@Sendable () -> Void]? {
        state.withLock { state in
            state.interrupts += 1
            let end = ContinuousClock.now + (state.text == nil || state.interrupts > 1 ? Self.haste : Self.patience)
            state.due = min(state.due ?? end, end)
            return state.interrupts == 1 ? state.handlers : nil
        }
    }

    /// Once the time for an orderly end is over, ends the process with what stays; else does nothing.
    func giveUpWhenDue(_ end: (ScoutError) -> Void) {
        let late = state.withLock { state -> State? in
            guard let due = state.due, ContinuousClock.now >= due else { return nil }
            return state
        }
        guard let late else { return }
        for body in late.last { body() }
        let text = late.text.map { "interrupted; \($0)" } ?? "interrupted"
        end(ScoutError(.interrupted, text))
    }
}
