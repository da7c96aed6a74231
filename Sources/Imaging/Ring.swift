import Core
import Glibc
import Synchronization

/// One stretch of the image, on its way from the source to the hashes and the file.
struct Segment {
    /// Bytes from the start of the image.
    let offset: UInt64
    /// Bytes; a stretch with a buffer is never longer than the buffer.
    let length: Int
    /// The number of the buffer that holds it; `nil` for a stretch of zeros, which has none.
    let buffer: Int?
    /// Parts of the buffer that were not read from the source, in order: zeros stand there.
    var unread: [Range<Int>] = []
}

/// The memory that all data passes through: a fixed number of buffers, in one mapping.
///
/// Unchecked: the pointer is constant, and the ring gives each buffer to one writer, then to readers, then back.
final class BufferPool: @unchecked Sendable {
    let bufferSize: Int
    let count: Int
    private let base: UnsafeMutableRawPointer
    private let mapped: Int

    /// - Throws: `ScoutError` (`io`) where there is no memory. The C function is `mmap`.
    init(count: Int, bufferSize: Int) throws(ScoutError) {
        self.bufferSize = bufferSize
        self.count = count
        mapped = count * bufferSize
        let memory = mmap(nil, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let memory, memory != MAP_FAILED else { throw ScoutError.system(.io, "no memory for buffers", errno) }
        base = memory
        // Page faults of small pages would cost more than the copy of the data; a refusal is no loss.
        madvise(memory, mapped, MADV_HUGEPAGE)
    }

    deinit { munmap(base, mapped) }

    subscript(_ index: Int) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: base + index * bufferSize, count: bufferSize)
    }
}

/// The ordered way from one producer to several consumers, each of which sees every segment.
///
/// Bounded twice: by the buffers, and by the number of segments, so that memory does not depend on the image's size.
final class Ring: Sendable {
    private struct State {
        var segments: [Segment?]
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
    ///   - capacity: how many segments, of zeros for the most part, may wait.
    init(pool: BufferPool, consumers: Int, capacity: Int = 256) throws(ScoutError) {
        self.pool = pool
        wake = try WakePipe()
        monitor = Monitor(
            State(
                segments: Array(repeating: nil, count: capacity), positions: Array(repeating: 0, count: consumers),
                freeBuffers: Array(0..<pool.count), running: consumers))
    }

    /// Starts a consumer on a thread of its own.
    ///
    /// - Parameters:
    ///   - consumer: its number; each number below the count of consumers must be started once.
    ///   - work: called with each segment in turn; what it throws stops the ring.
    func startConsumer(
        _ consumer: Int, _ work: @escaping @Sendable (Segment) throws(ScoutError) -> Void
    ) throws(ScoutError) {
        try PlainThread.start { [self] in
            do throws(ScoutError) {
                while let segment = next(consumer) {
                    try work(segment)
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

    /// Hands the next segment, in the order of the image, to the consumers.
    ///
    /// - Returns: `false` where too many wait; try again after a wake-up.
    func publish(_ segment: Segment) -> Bool {
        monitor.change { state in
            guard state.published - state.released < state.segments.count else { return false }
            state.segments[state.published % state.segments.count] = segment
            state.published += 1
            return true
        }
    }

    /// Says that no segment will follow.
    func finish() {
        monitor.change { $0.isFinished = true }
        wake.signal()
    }

    /// Whether every consumer has seen every segment of a finished ring.
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

    /// The next segment for a consumer; waits for it. `nil` at the end, and after a failure.
    private func next(_ consumer: Int) -> Segment? {
        monitor.wait { state -> Segment?? in
            if state.failure != nil { return .some(nil) }
            let position = state.positions[consumer]
            if position < state.published { return .some(state.segments[position % state.segments.count]) }
            return state.isFinished ? .some(nil) : nil
        }
    }

    /// Gives the segment back that `next` gave last. Its buffer is free when the last consumer has done so.
    private func done(_ consumer: Int) {
        let mustWake = monitor.withLock { state in
            state.positions[consumer] += 1
            let slowest = state.positions.min() ?? 0
            let hasReleased = state.released < slowest
            while state.released < slowest {
                let index = state.released % state.segments.count
                if let segment = state.segments[index] {
                    state.doneBytes += UInt64(segment.length)
                    if let buffer = segment.buffer { state.freeBuffers.append(buffer) }
                }
                state.segments[index] = nil
                state.released += 1
            }
            return hasReleased
        }
        if mustWake { wake.signal() }
    }
}
