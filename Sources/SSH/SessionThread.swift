import CLibSSH
import Glibc
import Synchronization

/// The one thread that a session belongs to: it runs the actor's jobs and waits for its file descriptors.
///
/// Each turn runs the jobs that are due, asks for the descriptors to watch, waits in `poll`, and hands the answer back.
/// So the actor's code, and with it every call into libssh, runs here and nowhere else.
final class SessionThread: SerialExecutor, TaskExecutor {
    /// What to wait for in one turn.
    struct Watch: Sendable {
        var descriptors: [pollfd] = []
        var until: ContinuousClock.Instant?
    }

    /// What the thread asks before it waits, and tells afterwards.
    struct Hooks: Sendable {
        /// `nil` where there is nothing but jobs to wait for.
        let prepare: @Sendable () -> Watch?
        /// Takes what `poll` said about each descriptor, in the order of the watch.
        let dispatch: @Sendable ([pollfd]) -> Void
    }

    private struct State {
        var jobs: [UnownedJob] = []
        var hooks: Hooks?
        var isStopping = false
    }

    private let state = Mutex(State())
    /// The `pthread_t`; 0 before the thread runs.
    private let identity = Atomic<pthread_t>(0)
    /// An eventfd that interrupts `poll` when a job comes from another thread.
    private let wakeup: CInt

    /// Starts the thread, which lives until ``stop()``.
    ///
    /// - Throws: `SSHError` (`local`) where the process has no descriptor or thread left.
    ///
    /// The C functions are `eventfd` and `pthread_create`.
    init() throws(SSHError) {
        wakeup = eventfd(0, CInt(EFD_CLOEXEC | EFD_NONBLOCK))
        guard wakeup >= 0 else { throw .local("eventfd") }
        let owner = Unmanaged.passRetained(self)
        var thread = pthread_t()
        let code = pthread_create(&thread, nil, sessionThreadMain, owner.toOpaque())
        guard code == 0 else {
            owner.release()
            throw .local("pthread_create", errno: code)
        }
        pthread_detach(thread)
    }

    deinit { close(wakeup) }

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

    private func wake() {
        eventfd_write(wakeup, 1)
    }

    fileprivate func run() {
        identity.store(pthread_self(), ordering: .releasing)
        while true {
            let (jobs, hooks) = state.withLock { state in
                let due = state.jobs
                state.jobs.removeAll(keepingCapacity: due.isEmpty)
                return (due, state.hooks)
            }
            let watch = ExitGate.shared.pass {
                for job in jobs { job.runSynchronously(on: asUnownedSerialExecutor()) }
                return hooks?.prepare()
            }
            if jobs.isEmpty, state.withLock({ $0.isStopping && $0.jobs.isEmpty }) { return }

            let ready = wait(for: watch ?? Watch())
            ExitGate.shared.pass { hooks?.dispatch(ready) }
        }
    }

    private func wait(for watch: Watch) -> [pollfd] {
        var ready = watch.descriptors
        ready.append(pollfd(fd: wakeup, events: Int16(POLLIN), revents: 0))
        // What the jobs just queued must not wait, nor keep the descriptors waiting.
        let isBusy = state.withLock { !$0.jobs.isEmpty || $0.isStopping }
        let count = poll(&ready, nfds_t(ready.count), isBusy ? 0 : Self.milliseconds(until: watch.until))
        if count < 0 {
            // EINTR cannot come, as this thread takes no signals; ENOMEM may, and is tried again a little later.
            usleep(10_000)
            for index in ready.indices { ready[index].revents = 0 }
        }
        if let last = ready.popLast(), last.revents != 0 {
            var value = eventfd_t()
            eventfd_read(wakeup, &value)
        }
        return ready
    }

    private static func milliseconds(until end: ContinuousClock.Instant?) -> CInt {
        guard let end else { return -1 }
        let left = ((end - .now) / .milliseconds(1)).rounded(.up)
        return CInt(min(max(left, 0), 3_600_000))
    }
}

private func sessionThreadMain(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    // A signal for the process is another thread's to handle; a SIGPIPE of ours stays pending here and dies with us.
    var all = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_BLOCK, &all, nil)
    guard let argument else { return nil }
    Unmanaged<SessionThread>.fromOpaque(argument).takeRetainedValue().run()
    return nil
}
