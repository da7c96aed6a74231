import Core
import Glibc

/// The threads between a producer and the digests: one per group of hashes, and one that writes.
enum Pipeline {
    /// The size of a buffer, and of the longest request.
    static let bufferSize = 2 << 20
    /// Runs a producer against the hashes, and the writer if there is one.
    ///
    /// - Parameters:
    ///   - algorithms: what to hash with; may be empty where there is a writer.
    ///   - writer: where the bytes go; `nil` to hash only.
    ///   - buffers: how many, 8 by default: as few as keep all threads busy stay in the processor's cache.
    ///   - produce: publishes all chunks and returns when they are consumed; runs on the calling thread.
    /// - Returns: lower-case hexadecimal digests.
    /// - Throws: what the producer or the first failing thread threw. No thread is left running.
    static func run(
        _ algorithms: [HashAlgorithm], writer: ImageWriter? = nil, buffers: Int = 8,
        _ produce: (Ring) throws(ScoutError) -> Void
    ) throws(ScoutError) -> [HashAlgorithm: String] {
        let groups = HashGroup.split(algorithms)
        let count = groups.count + (writer == nil ? 0 : 1)
        let ring = try Ring(pool: BufferPool(count: buffers, bufferSize: bufferSize), consumers: count)
        var started = 0
        do throws(ScoutError) {
            for group in groups {
                try ring.startConsumer(started) { chunk throws(ScoutError) in group.consume(chunk, of: ring) }
                started += 1
            }
            if let writer {
                try ring.startConsumer(started) { chunk throws(ScoutError) in
                    try writer.consume(chunk, of: ring)
                }
                started += 1
            }
            try produce(ring)
        } catch {
            ring.fail(error)
            ring.awaitConsumers(missing: count - started)
            // A consumer may have failed first, and the producer only noticed.
            try ring.check()
            throw error
        }
        ring.awaitConsumers()
        return groups.reduce(into: [:]) { $0.merge($1.digests()) { first, _ in first } }
    }
}
