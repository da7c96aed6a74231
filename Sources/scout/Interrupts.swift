import Core
import Dispatch
import Glibc
import Sessions
import Synchronization

/// What would be left behind if the process ended now, and how long an orderly end may take.
final class Outstanding: Sendable {
    private struct State {
        var text: String?
        var last: [@Sendable () -> Void] = []
        var handlers: [@Sendable () -> Void] = []
        var interrupts = 0
        var due: ContinuousClock.Instant?
    }

    private let state = Mutex(State())

    /// How long an end may take where something is left to be done at the far side.
    private static let patience = Duration.seconds(10)
    /// How long where nothing is, or after the second interrupt.
    private static let haste = Duration.milliseconds(1500)

    /// Notes what stays at the far side where it can't be cleared up: what, where, and until when; `nil` for nothing.
    func note(_ text: String?) {
        state.withLock { $0.text = text }
    }

    /// Has something done before the process ends without having ended its work, as to remove a file of this machine.
    func atEnd(_ body: @escaping @Sendable () -> Void) {
        state.withLock { $0.last.append(body) }
    }

    /// Has something done at the first interrupt, at once where it has come.
    func onInterrupt(_ body: @escaping @Sendable () -> Void) {
        let isLate = state.withLock { state in
            if state.interrupts == 0 { state.handlers.append(body) }
            return state.interrupts > 0
        }
        if isLate { body() }
    }

    /// Whether somebody wants the end.
    var isInterrupted: Bool { state.withLock { $0.interrupts > 0 } }

    /// Runs what can be interrupted; a link that was given up for that is no failure of its own.
    func ending<Result>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch let error as ScoutError where isInterrupted && [.unreachable, .protocolViolation].contains(error.code) {
            throw ScoutError(.interrupted, "interrupted")
        }
    }

    /// - Returns: what is to be done; nothing but at the first one.
    fileprivate func interrupt() -> [@Sendable () -> Void]? {
        state.withLock { state in
            state.interrupts += 1
            let end = ContinuousClock.now + (state.text == nil || state.interrupts > 1 ? Self.haste : Self.patience)
            state.due = min(state.due ?? end, end)
            return state.interrupts == 1 ? state.handlers : nil
        }
    }

    /// Says what stays, once the time for an orderly end is over; else does nothing.
    fileprivate func giveUpWhenDue() {
        let late = state.withLock { state -> State? in
            guard let due = state.due, ContinuousClock.now >= due else { return nil }
            return state
        }
        guard let late else { return }
        for body in late.last { body() }
        let text = late.text.map { "interrupted; \($0)" } ?? "interrupted"
        Failure(Array(CommandLine.arguments.dropFirst())).exit(with: ScoutError(.interrupted, text))
    }
}

/// Turns Ctrl-C, and the signals that end a program, into an orderly end in bounded time.
///
/// The first one begins it; a second one leaves it less time, and skips nothing. A signal that was ignored when the program
/// began, as `nohup` has it, stays ignored.
final class Interrupts {
    private let sources: [any DispatchSourceSignal]
    private let signals: [CInt]
    private let clock: any DispatchSourceTimer

    /// - Parameters:
    ///   - outstanding: what an end that takes too long must say.
    ///   - handler: called once, on a thread of its own.
    init(_ outstanding: Outstanding = Outstanding(), _ handler: @escaping @Sendable () -> Void) {
        let queue = DispatchQueue(label: "interrupts")
        signals = [SIGINT, SIGTERM, SIGHUP].filter { !SignalAction.isIgnored($0) }
        let clock = DispatchSource.makeTimerSource(queue: queue)
        clock.setEventHandler { outstanding.giveUpWhenDue() }
        clock.schedule(deadline: .distantFuture)
        clock.resume()
        self.clock = clock
        sources = signals.map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                guard let others = outstanding.interrupt() else { return }
                clock.schedule(deadline: .now(), repeating: .milliseconds(50))
                handler()
                for other in others { other() }
            }
            source.resume()
            return source
        }
    }

    /// Gives the signals back their own meaning.
    func stop() {
        for source in sources { source.cancel() }
        clock.cancel()
        for number in signals { signal(number, SIG_DFL) }
    }
}
