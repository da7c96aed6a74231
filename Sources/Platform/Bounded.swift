import Dispatch
import Synchronization

/// Work that may never return, like a system call on a dying disk or a resolver without a server.
public enum Bounded {
    /// Does it on a thread of its own, and waits for it no longer than the deadline.
    ///
    /// - Parameters:
    ///   - deadline: how long to wait.
    ///   - work: goes on by itself after the deadline, and what it still returns is dropped.
    /// - Returns: what the work returned; `nil` after the deadline.
    /// - Throws: `SystemError` (`noThread`) where the system has no thread left.
    ///
    /// Blocks the calling thread.
    public static func run<Result: Sendable>(
        within deadline: Duration, _ work: @escaping @Sendable () -> Result
    ) throws(SystemError) -> Result? {
        let answer = Answer<Result>()
        try Thread.start { answer.give(work()) }
        return answer.wait(deadline)
    }

    private final class Answer<Result: Sendable>: Sendable {
        private let isThere = DispatchSemaphore(value: 0)
        private let result = Mutex<Result?>(nil)

        func give(_ value: Result) {
            result.withLock { $0 = value }
            isThere.signal()
        }

        func wait(_ deadline: Duration) -> Result? {
            // Late is no failure where the answer is there, as this process may have been stopped meanwhile: so the
            // answer counts, and not how the wait ended.
            _ = isThere.wait(timeout: .now() + .milliseconds(Int(deadline.pollTimeout)))
            return result.withLock { $0 }
        }
    }
}
