import Glibc
import Platform
import Synchronization

/// The one thread that a session belongs to: it runs the actor's jobs and waits for its descriptors.
///
/// Each turn runs the jobs that are due, asks for the descriptors to watch, waits in `poll`, and hands the answer back.
/// So the actor's code, and with it every call into libssh, runs here and nowhere else.
final class LoopThread: SerialExecutor, TaskExecutor {
    /// What to wait for in one turn.
    struct Watch: Sendable {
        /// The connection.
        var connection = pollfd(fd: -1, events: 0, revents: 0)
        /// The set of all other descriptors; -1 is none.
        var descriptors: CInt = -1
        var until: ContinuousClock.Instant?
    }

    /// What `poll` said.
    struct Ready: Sendable {
        var connection = pollfd(fd: -1, events: 0, revents: 0)
        var hasDescriptors = false
    }

    /// What the thread asks before it waits, and tells afterwards.
    struct Hooks: Sendable {
        /// `nil` where there is nothing but jobs to wait for.
        let prepare: @Sendable () -> Watch?
        let dispatch: @Sendable (Ready) -> Void
    }

    private struct State {
        var jobs: [UnownedJob] = []
        var hooks: Hooks?
        /// Waiters whose tasks have been cancelled.
        var cancelled: [Int] = []
        var isStopping = false
    }

    private let state = Mutex(State())
    /// The `pthread_t`; 0 before the thread runs.
    private let identity = Atomic<pthread_t>(0)
    /// Interrupts `poll` when a job comes from another thread.
    private let wakeup: WakeEvent

    /// Starts the thread, which lives until ``stop()``.
    ///
    /// - Throws: `SSHError` (`local`) where the process has no descriptor or thread left.
    ///
    /// The C functions are `eventfd` and `pthread_create`.
    init() throws(SSHError) {
        do {
            wakeup = try WakeEvent()
            try Thread.start { [self] in run() }
        } catch {
            throw .local(error)
        }
    }

    /// Lets the session watch descriptors from now on.
    func attach(_ hooks: Hooks) {
        state.withLock { $0.hooks = hooks }
        wake()
    }

    /// Ends the thread after the jobs that are queued now. May be called on any thread.
    func stop() {
        state.withLock { $0.isStopping = true }
        wake()
    }

    /// Has the session wake a waiter whose task has been cancelled. May be called on any thread.
    func cancel(_ waiter: Int) {
        state.withLock { $0.cancelled.append(waiter) }
        wake()
    }

    /// Takes the waiters whose tasks have been cancelled since the last time.
    func takeCancelled() -> [Int] {
        state.withLock { state in
            defer { state.cancelled = [] }
            return state.cancelled
        }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        state.withLock { $0.jobs.append(job) }
        if !isCurrent { wake() }
    }

    func checkIsolated() {
        precondition(isCurrent, "libssh belongs to the session's own thread")
    }

    private var isCurrent: Bool {
        pthread_equal(identity.load(ordering: .acquiring), pthread_self()) != 0
    }

    private func wake() { wakeup.signal() }

    private func run() {
        identity.store(pthread_self(), ordering: .releasing)
        while true {
            let (jobs, hooks) = state.withLock { state in
                let due = state.jobs
                state.jobs.removeAll(keepingCapacity: due.isEmpty)
                return (due, state.hooks)
            }
            let watch = ExitLock.shared.read {
                for job in jobs { job.runSynchronously(on: asUnownedSerialExecutor()) }
                return hooks?.prepare()
            }
            if jobs.isEmpty, state.withLock({ $0.isStopping && $0.jobs.isEmpty }) { return }

            let ready = wait(for: watch ?? Watch())
            ExitLock.shared.read { hooks?.dispatch(ready) }
        }
    }

    private func wait(for watch: Watch) -> Ready {
        var polled = [
            watch.connection, pollfd(fd: watch.descriptors, events: Int16(POLLIN), revents: 0),
            pollfd(fd: wakeup.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        // What the jobs just queued must not wait, nor keep the descriptors waiting.
        let isBusy = state.withLock { !$0.jobs.isEmpty || $0.isStopping }
        let count = poll(&polled, nfds_t(polled.count), isBusy ? 0 : watch.until.map { ($0 - .now).pollTimeout } ?? -1)
        if count < 0 {
            // EINTR cannot come, as this thread takes no signals; ENOMEM may, and is tried again a little later.
            usleep(10_000)
            return Ready()
        }
        if polled[2].revents != 0 { wakeup.drain() }
        return Ready(connection: polled[0], hasDescriptors: polled[1].revents != 0)
    }
}
