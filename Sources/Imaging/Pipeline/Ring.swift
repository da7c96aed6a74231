import Core
import Glibc
import Synchronization

/// The ordered way from one producer to several consumers, each of which sees every chunk.
///
/// Bounded twice: by the buffers, and by the number of chunks, so that memory does not depend on the image's size.
final class Ring: Sendable {
    private struct State {
        var chunks: [Chunk?]
        var published = 0
        var positions: [Int]
        var released = 0
        var freeBuffers: [Int]
        var isFinished = false
        var failure: ScoutError?
        var doneBytes: UInt64 = 0
        var running: Int
    }

    let pool: BufferPool
    /// Readable when a buffer came back, when all is consumed, or when something failed.
    let wake: WakePipe
    private let monitor: Monitor<State>
    private let stopped = Atomic<Bool>(false)

    /// - Parameters:
    ///   - pool: the buffers; the ring hands out the one that was used last, because it is still in the cache.
    ///   - consumers: how many threads will call `next`, each with its own number from 0.
    ///   - capacity: how many chunks, of zeros for the most part, may wait.
    init(pool: BufferPool, consumers: Int, capacity: Int = 256) throws(ScoutError) {
        self.pool = pool
        wake = try WakePipe()
        monitor = Monitor(
            State(
                chunks: Array(repeating: nil, count: capacity), positions: Array(repeating: 0, count: consumers),
                freeBuffers: Array(0..<pool.count), running: consumers))
    }

    /// Starts a consumer on a thread of its own.
    ///
    /// - Parameters:
    ///   - consumer: its number; each number below the count of consumers must be started once.
    ///   - work: called with each chunk in turn; what it throws stops the ring.
    func startConsumer(
        _ consumer: Int, _ work: @escaping @Sendable (Chunk) throws(ScoutError) -> Void
    ) throws(ScoutError) {
        try PlainThread.start { [self] in
            do throws(ScoutError) {
                while let chunk = next(consumer) {
                    try work(chunk)
                    done(consumer)
                }
            } catch {
                fail(error)
            }
            monitor.change { $0.running -= 1 }
        }
    }

    /// Waits until no consumer touches a buffer or a file any more; the ring must be finished or failed.
    ///
    /// - Parameter missing: consumers that could not be started.
    func awaitConsumers(missing: Int = 0) {
        monitor.wait { $0.running <= missing ? () : nil }
    }

    // MARK: - The producer

    /// Takes a free buffer, `nil` where there is none for now.
    func takeBuffer() -> Int? { monitor.withLock { $0.freeBuffers.popLast() } }

    /// Hands the next chunk, in the order of the image, to the consumers.
    ///
    /// - Returns: `false` where too many wait; try again after a wake-up.
    func publish(_ chunk: Chunk) -> Bool {
        monitor.change { state in
            guard state.published - state.released < state.chunks.count else { return false }
            state.chunks[state.published % state.chunks.count] = chunk
            state.published += 1
            return true
        }
    }

    /// Says that no chunk will follow.
    func finish() {
        monitor.change { $0.isFinished = true }
        wake.signal()
    }

    /// Whether every consumer has seen every chunk of a finished ring.
    var isDrained: Bool { monitor.withLock { $0.isFinished && $0.released == $0.published } }

    /// Bytes that every consumer is done with.
    var doneBytes: UInt64 { monitor.withLock { $0.doneBytes } }

    /// Throws what made the ring stop, if anything did.
    func check() throws(ScoutError) {
        if let failure = monitor.withLock({ $0.failure }) { throw failure }
    }

    /// Waits a moment for a buffer to come back, or for the end; the producer's thread only.
    ///
    /// - Throws: `ScoutError`: `interrupted`, or what made the ring stop. The C function is `poll`.
    func wait(_ cancellation: Cancellation) throws(ScoutError) {
        var descriptors = [wake.descriptor, cancellation.wake.descriptor].map {
            pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
        }
        poll(&descriptors, nfds_t(descriptors.count), 200)
        wake.drain()
        try cancellation.check()
        try check()
    }

    // MARK: - All

    /// Stops everyone; the first error is the one that counts.
    func fail(_ error: ScoutError) {
        monitor.change { state in
            if state.failure == nil { state.failure = error }
        }
        stopped.store(true, ordering: .releasing)
        wake.signal()
    }

    /// Whether the ring has failed. Consumers look at this between chunks.
    var isStopped: Bool { stopped.load(ordering: .acquiring) }

    // MARK: - The consumers

    /// The next chunk for a consumer; waits for it. `nil` at the end, and after a failure.
    private func next(_ consumer: Int) -> Chunk? {
        monitor.wait { state -> Chunk?? in
            if state.failure != nil { return .some(nil) }
            let position = state.positions[consumer]
            if position < state.published { return .some(state.chunks[position % state.chunks.count]) }
            return state.isFinished ? .some(nil) : nil
        }
    }

    /// Gives the chunk back that `next` gave last. Its buffer is free when the last consumer has done so.
    private func done(_ consumer: Int) {
        let mustWake = monitor.withLock { state in
            state.positions[consumer] += 1
            let slowest = state.positions.min() ?? 0
            let hasReleased = state.released < slowest
            while state.released < slowest {
                let index = state.released % state.chunks.count
                if let chunk = state.chunks[index] {
                    state.doneBytes += UInt64(chunk.length)
                    if let buffer = chunk.buffer { state.freeBuffers.append(buffer) }
                }
                state.chunks[index] = nil
                state.released += 1
            }
            return hasReleased
        }
        if mustWake { wake.signal() }
    }
}
