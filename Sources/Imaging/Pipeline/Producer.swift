import Core
import Glibc
import Platform

/// What fills a pipeline: reads a source from its start to its end.
///
/// It does not end the ring: that is the pipeline's, which looks first whether everything has come.
protocol Producer {
    /// How much it produces, in bytes.
    var sizeBytes: UInt64 { get }

    /// Publishes every chunk, in order and without a gap, and returns after the last one.
    ///
    /// Called once, on the pipeline's calling thread. Whatever it waits for, it waits for the feed's wake-ups as well.
    ///
    /// - Throws: what went wrong with the source, or what `feed` threw.
    func produce(into feed: Feed) throws(ScoutError)
}

/// The producer's end of a pipeline. Belongs to the producer's thread.
final class Feed {
    private let ring: Ring
    private let cancellation: Cancellation<ScoutError>
    private let size: UInt64
    private var meter: ProgressMeter
    /// Data bytes that have come from the source so far, for the progress; holes do not count.
    var receivedBytes: UInt64 = 0

    init(_ ring: Ring, sizeBytes: UInt64, meter: ProgressMeter, cancellation: Cancellation<ScoutError>) {
        self.ring = ring
        self.cancellation = cancellation
        self.meter = meter
        size = sizeBytes
    }

    /// The size of a buffer in bytes: no chunk with data is longer.
    var bufferSize: Int { ring.pool.bufferSize }

    /// Readable when a buffer has come back, and when the work has to end: for a producer's own `poll`.
    var wakeDescriptors: [CInt] { [ring.wake.descriptor, cancellation.wake.descriptor] }

    /// Takes a free buffer; `nil` where there is none for now.
    func takeBuffer() -> Buffer? { ring.takeBuffer() }

    /// Hands the next chunk to the sinks.
    ///
    /// - Returns: `false` where too many wait, or the pipeline has stopped; try again after a wake-up and `check`.
    func publish(_ chunk: Chunk) -> Bool { ring.publish(chunk) }

    /// To be called whenever something may have changed: reports how far the work has come.
    ///
    /// - Throws: why the work has to end: it was cancelled, or a sink failed.
    func check() throws(ScoutError) {
        ring.wake.drain()
        try cancellation.check()
        try ring.check()
        meter.update(doneBytes: ring.doneBytes, wireBytes: receivedBytes)
    }

    /// Waits for a free buffer.
    func awaitBuffer() throws(ScoutError) -> Buffer {
        while true {
            try check()
            if let buffer = takeBuffer() { return buffer }
            wait()
        }
    }

    /// Hands the next chunk to the sinks, as soon as there is room for it.
    func send(_ chunk: Chunk) throws(ScoutError) {
        while true {
            try check()
            if publish(chunk) { return }
            wait()
        }
    }

    /// Says that no chunk will follow, and waits until every sink has seen the last one; the pipeline's.
    func end() throws(ScoutError) {
        let end = ring.publishedBytes
        guard end == size else {
            throw ScoutError(.io, "the source ended at byte \(end), before its size of \(size) bytes")
        }
        ring.finish()
        while !ring.isDrained {
            wait()
            try check()
        }
        meter.update(doneBytes: size, wireBytes: receivedBytes, isLast: true)
    }

    /// Waits for a wake-up, 200 ms at the most. The C function is `poll`.
    private func wait() {
        var descriptors = wakeDescriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        // Whatever it says, the caller looks at the ring next: a call that fails only makes the wait shorter.
        _ = poll(&descriptors, nfds_t(descriptors.count), 200)
    }
}
