import Core
import Platform

/// One producer, the ring, and a thread for each sink: the ring's whole life is in here.
struct Pipeline {
    /// The size of a buffer, and of the longest request.
    static let bufferSize = 2 << 20

    /// How many buffers: as few as keep all threads busy stay in the processor's cache. All memory for data is these.
    var buffers = 8
    /// What is being done, for the progress.
    let phase: Progress.Phase
    /// Ends the work early.
    let cancellation: Cancellation<ScoutError>
    /// Called about ten times a second, on the calling thread.
    let progress: (Progress) -> Void

    /// Has a producer fill the ring and the sinks empty it, and returns when every sink has seen everything.
    ///
    /// - Parameters:
    ///   - producer: runs on the calling thread.
    ///   - sinks: each runs on a thread of its own; the slowest one sets the pace.
    /// - Throws: the first error: the producer's, a sink's, or the cancellation's reason; `io` where the producer ended
    ///   before its size. No thread is left running, however it ended.
    ///
    /// Blocks the calling thread. A sink that the kernel holds in a call holds this as well; `Cancellation.run` leaves
    /// such a thread behind.
    func run(_ producer: some Producer, into sinks: [any Sink]) throws(ScoutError) {
        try cancellation.check()
        let ring = try Ring(pool: BufferPool(count: buffers, bufferSize: Self.bufferSize), sinks: sinks.count)
        let size = producer.sizeBytes
        let meter = ProgressMeter(phase, totalBytes: size, report: progress)
        let feed = Feed(ring, sizeBytes: size, meter: meter, cancellation: cancellation)
        var started = 0
        do throws(ScoutError) {
            for sink in sinks {
                try ring.start(sink, number: started)
                started += 1
            }
            try producer.produce(into: feed)
            try feed.end()
        } catch {
            ring.fail(error)
            ring.awaitSinks(missing: sinks.count - started)
            // A sink may have failed first, and the producer only noticed.
            try ring.check()
            throw error
        }
        ring.awaitSinks()
    }
}
