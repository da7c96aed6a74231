import Core
import Dispatch
import Platform
import Synchronization

/// Work that may never return, like a system call on a dying disk.
enum Bounded {
    /// Does it on a thread of its own, and waits for it no longer than the deadline.
    ///
    /// - Returns: what the work returned; `nil` after the deadline. The thread goes on by itself then, and what it still
    ///   returns is dropped.
    /// - Throws: `ScoutError` (`io`) where the system has no thread left.
    static func run<Result: Sendable>(
        within deadline: Duration, _ work: @escaping @Sendable () -> Result
    ) throws(ScoutError) -> Result? {
        let answer = Answer<Result>()
        try ScoutError.wrap(Thread.start { answer.give(work()) })
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
            guard isThere.wait(timeout: .now() + .milliseconds(Int(deadline.pollTimeout))) == .success else {
                return nil
            }
            return result.withLock { $0 }
        }
    }
}
