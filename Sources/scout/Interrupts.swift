import Core
import Glibc
import Platform
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
    /// How often it is looked whether the time for an orderly end is over.
    private static let look = Duration.milliseconds(50)

    private let caught: CaughtSignals?

    /// - Parameters:
    ///   - outstanding: what an end that takes too long must say.
    ///   - handler: called once, on a thread of its own.
    init(_ outstanding: Outstanding = Outstanding(), _ handler: @escaping @Sendable () -> Void) {
        // Without a descriptor or a thread a signal does what it does by itself.
        guard let caught = try? CaughtSignals([SIGINT, SIGTERM, SIGHUP]) else {
            self.caught = nil
            return
        }
        do {
            try Thread.start { Self.watch(caught, outstanding, handler) }
            self.caught = caught
        } catch {
            caught.release()
            self.caught = nil
        }
    }

    private static func watch(
        _ caught: CaughtSignals, _ outstanding: Outstanding, _ handler: @Sendable () -> Void
    ) {
        var isEnding = false
        while true {
            var ready = pollfd(fd: caught.descriptor, events: Int16(POLLIN), revents: 0)
            // It can fail for want of memory only, and is asked again.
            if poll(&ready, 1, isEnding ? look.pollTimeout : -1) < 0 { usleep(10_000) }
            if ready.revents != 0 {
                let came = caught.pending()
                // The end of them: they have their own meaning again.
                if came.isEmpty { return }
                for _ in came {
                    guard let others = outstanding.interrupt() else { continue }
                    isEnding = true
                    handler()
                    for other in others { other() }
                }
            }
            if isEnding { outstanding.giveUpWhenDue() }
        }
    }

    /// Gives the signals back their own meaning.
    func stop() { caught?.release() }
}
