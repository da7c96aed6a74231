import Core
import Glibc
import Platform

/// The ordered way from one producer to several sinks, each of which sees every chunk.
///
/// Bounded twice: by the buffers, and by the number of chunks, so that memory does not depend on the image's size.
final class Ring: Sendable {
    private struct State {
        var chunks: [Chunk?]
        var published = 0
        var publishedBytes: UInt64 = 0
        /// How many chunks each sink is done with.
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
    let wake: WakeEvent
    private let monitor: Monitor<State>
    private let stop = StopFlag()

    /// - Parameters:
    ///   - pool: the buffers; the ring hands out the one that was used last, because it is still in the cache.
    ///   - sinks: how many sinks will be started.
    ///   - capacity: how many chunks, of zeros for the most part, may wait.
    init(pool: BufferPool, sinks: Int, capacity: Int = 256) throws(ScoutError) {
        self.pool = pool
        wake = try ScoutError.wrap(WakeEvent())
        monitor = Monitor(
            State(
                chunks: Array(repeating: nil, count: capacity), positions: Array(repeating: 0, count: sinks),
                freeBuffers: Array(0..<pool.count), running: sinks))
    }

    /// Starts a sink on a thread of its own.
    ///
    /// - Parameter number: from 0; each number below the count of sinks must be started once.
    /// - Throws: `ScoutError` (`io`) where there is no thread left.
    func start(_ sink: any Sink, number: Int) throws(ScoutError) {
        try ScoutError.wrap(
            Thread.start { [self] in
                do throws(ScoutError) {
                    while let chunk = next(number) {
                        try sink.take(chunk, stop)
                        done(number)
                    }
                } catch {
                    fail(error)
                }
                monitor.change { $0.running -= 1 }
            })
    }

    /// Waits until no sink touches a buffer or a file any more; the ring must be finished or failed.
    ///
    /// - Parameter missing: sinks that could not be started.
    func awaitSinks(missing: Int = 0) {
        monitor.wait { $0.running <= missing ? () : nil }
    }

    // MARK: - The producer

    /// Takes a free buffer, `nil` where there is none for now.
    func takeBuffer() -> Buffer? { monitor.withLock { $0.freeBuffers.popLast() }.map { pool[$0] } }

    /// Hands the next chunk, in the order of the image, to the sinks. One that is out of order stops the ring.
    ///
    /// - Returns: `false` where too many wait, or the ring has stopped.
    func publish(_ chunk: Chunk) -> Bool {
        let expected = monitor.withLock { $0.publishedBytes }
        guard chunk.offset == expected, chunk.length > 0 else {
            fail(ScoutError(.failed, "a chunk at byte \(chunk.offset) came where byte \(expected) was expected"))
            return false
        }
        return monitor.change { state in
            guard state.failure == nil, state.published - state.released < state.chunks.count else { return false }
            state.chunks[state.published % state.chunks.count] = chunk
            state.published += 1
            state.publishedBytes = chunk.end
            if state.positions.isEmpty { Self.release(&state, until: state.published) }
            return true
        }
    }

    /// Says that no chunk will follow.
    func finish() {
        monitor.change { $0.isFinished = true }
        wake.signal()
    }

    /// How far the published chunks reach.
    var publishedBytes: UInt64 { monitor.withLock { $0.publishedBytes } }

    /// Whether every sink has seen every chunk of a finished ring.
    var isDrained: Bool { monitor.withLock { $0.isFinished && $0.released == $0.published } }

    /// Bytes that every sink is done with.
    var doneBytes: UInt64 { monitor.withLock { $0.doneBytes } }

    /// Throws what made the ring stop, if anything did.
    func check() throws(ScoutError) {
        if let failure = monitor.withLock({ $0.failure }) { throw failure }
    }

    // MARK: - All

    /// Stops everyone; the first error is the one that counts.
    func fail(_ error: ScoutError) {
        monitor.change { state in
            if state.failure == nil { state.failure = error }
        }
        stop.set()
        wake.signal()
    }

    // MARK: - The sinks

    /// The next chunk for a sink; waits for it. `nil` at the end, and after a failure.
    private func next(_ sink: Int) -> Chunk? {
        monitor.wait { state -> Chunk?? in
            if state.failure != nil { return .some(nil) }
            let position = state.positions[sink]
            if position < state.published { return .some(state.chunks[position % state.chunks.count]) }
            return state.isFinished ? .some(nil) : nil
        }
    }

    /// Gives the chunk back that `next` gave last. Its buffer is free when the last sink has done so.
    private func done(_ sink: Int) {
        let mustWake = monitor.withLock { state in
            state.positions[sink] += 1
            let slowest = state.positions.min() ?? state.published
            guard state.released < slowest else { return false }
            Self.release(&state, until: slowest)
            return true
        }
        if mustWake { wake.signal() }
    }

    private static func release(_ state: inout State, until end: Int) {
        while state.released < end {
            let index = state.released % state.chunks.count
            if let chunk = state.chunks[index] {
                state.doneBytes += UInt64(chunk.length)
                if let buffer = chunk.buffer { state.freeBuffers.append(buffer.index) }
            }
            state.chunks[index] = nil
            state.released += 1
        }
    }
}
