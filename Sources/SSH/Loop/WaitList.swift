/// Somebody suspended until something happens.
final class Waiter {
    let identifier: Int
    /// When it is woken at the latest.
    let until: ContinuousClock.Instant?
    /// What it waits for.
    let list: WaitList
    private var continuation: CheckedContinuation<Void, Never>?

    init(
        _ identifier: Int, for list: WaitList, until: ContinuousClock.Instant?,
        _ continuation: CheckedContinuation<Void, Never>
    ) {
        self.identifier = identifier
        self.list = list
        self.until = until
        self.continuation = continuation
    }

    /// Wakes it; harmless when it has been woken already.
    func resume() {
        continuation?.resume()
        continuation = nil
    }
}

/// Those who wait for news of one thing: of one channel, or of the connection.
///
/// News are only noted where they come up, inside a call of libssh's, say; the loop wakes those concerned afterwards.
final class WaitList {
    /// Grows with each piece of news. Whoever looks before he waits says which he has seen.
    private(set) var news = 0
    fileprivate(set) var waiters: [Waiter] = []
    fileprivate var isQueued = false
    private let queue: WakeQueue

    init(_ queue: WakeQueue) {
        self.queue = queue
    }

    /// There may be something new.
    func note() {
        news += 1
        if !waiters.isEmpty { queue.add(self) }
    }

    func add(_ waiter: Waiter) { waiters.append(waiter) }
    func remove(_ waiter: Waiter) { waiters.removeAll { $0 === waiter } }
}

/// The lists that have news, each once.
final class WakeQueue {
    private var lists: [WaitList] = []

    fileprivate func add(_ list: WaitList) {
        guard !list.isQueued else { return }
        list.isQueued = true
        lists.append(list)
    }

    /// Takes all who have to be woken.
    func takeWaiters() -> [Waiter] {
        guard !lists.isEmpty else { return [] }
        var all: [Waiter] = []
        for list in lists {
            list.isQueued = false
            all += list.waiters
            list.waiters = []
        }
        lists.removeAll(keepingCapacity: true)
        return all
    }
}
