import Core
import Foundation
import Synchronization

@testable import Imaging

/// A producer of noise and zeros that knows what it has produced; it may fail or stall on the way.
final class NoiseProducer: Producer {
    let sizeBytes: UInt64
    private let seed: UInt64
    private let hasZeros: Bool
    private let failsAfter: Int?
    private let stallsAfter: Int?
    private let look: (Int) -> Void
    private(set) var buffersSeen: Set<Int> = []

    /// - Parameters:
    ///   - look: is given the number of each buffer that was taken.
    ///   - failsAfter: so many chunks.
    ///   - stallsAfter: so many chunks: waits for nothing but the pipeline's wake-ups from then on.
    init(
        seed: UInt64, sizeBytes: UInt64, zeros: Bool = true, failsAfter: Int? = nil, stallsAfter: Int? = nil,
        look: @escaping (Int) -> Void = { _ in }
    ) {
        (self.seed, self.sizeBytes, hasZeros) = (seed, sizeBytes, zeros)
        (self.failsAfter, self.stallsAfter, self.look) = (failsAfter, stallsAfter, look)
    }

    private struct Step {
        let length: Int
        /// `nil` for zeros.
        let value: UInt8?
    }

    private func steps(_ bufferSize: Int, _ body: (Step) throws(ScoutError) -> Void) throws(ScoutError) {
        var random = Seeded(state: seed)
        var left = sizeBytes
        while left > 0 {
            let isZeros = hasZeros && Bool.random(using: &random)
            let length = min(left, UInt64.random(in: 1...UInt64(bufferSize), using: &random))
            let whole = hasZeros ? length : min(left, UInt64(bufferSize))
            try body(Step(length: Int(whole), value: isZeros ? nil : .random(in: 1 ... .max, using: &random)))
            left -= whole
        }
    }

    /// All that comes out of it.
    var expected: [UInt8] {
        var bytes: [UInt8] = []
        try? steps(Pipeline.bufferSize) { bytes += [UInt8](repeating: $0.value ?? 0, count: $0.length) }
        return bytes
    }

    func produce(into feed: Feed) throws(ScoutError) {
        var count = 0
        var offset: UInt64 = 0
        try steps(feed.bufferSize) { step throws(ScoutError) in
            if count == failsAfter { throw ScoutError(.io, "the source is broken") }
            if count == stallsAfter { try stall(feed) }
            var buffer: Buffer?
            if let value = step.value {
                let taken = try feed.awaitBuffer()
                buffersSeen.insert(taken.index)
                look(taken.index)
                taken.bytes.initializeMemory(as: UInt8.self, repeating: value)
                feed.receivedBytes += UInt64(step.length)
                buffer = taken
            }
            try feed.send(Chunk(offset: offset, length: step.length, buffer: buffer))
            offset += UInt64(step.length)
            count += 1
        }
    }

    private func stall(_ feed: Feed) throws(ScoutError) {
        while true {
            var descriptors = feed.wakeDescriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            poll(&descriptors, nfds_t(descriptors.count), 10_000)
            try feed.check()
        }
    }
}

/// A producer that is a closure.
struct ClosureProducer: Producer {
    let sizeBytes: UInt64
    let body: (Feed) throws(ScoutError) -> Void
    func produce(into feed: Feed) throws(ScoutError) { try body(feed) }
}

/// A sink that remembers what it has seen; it may be slow, fail, or stall until it is told to stop.
final class CollectingSink: Sink {
    private struct State {
        var bytes: [UInt8] = []
        var received: UInt64 = 0
        var count = 0
        var isBusy = false
    }

    private let delay: UInt32
    private let keeps: Bool
    private let failsAfter: Int?
    private let stallsAfter: Int?
    private let state = Mutex(State())

    /// - Parameters:
    ///   - delay: microseconds for each chunk.
    ///   - keeps: whether the bytes themselves are remembered.
    init(delay: UInt32 = 0, keeps: Bool = true, failsAfter: Int? = nil, stallsAfter: Int? = nil) {
        (self.delay, self.keeps, self.failsAfter, self.stallsAfter) = (delay, keeps, failsAfter, stallsAfter)
    }

    var bytes: [UInt8] { state.withLock { $0.bytes } }
    var received: UInt64 { state.withLock { $0.received } }
    /// Chunks.
    var count: Int { state.withLock { $0.count } }
    /// Whether no thread is in it.
    var isIdle: Bool { state.withLock { !$0.isBusy } }

    func take(_ chunk: Chunk, _ stop: StopFlag) throws(ScoutError) {
        state.withLock { $0.isBusy = true }
        defer { state.withLock { $0.isBusy = false } }
        let seen = count
        if seen == failsAfter { throw ScoutError(.io, "the sink is full") }
        if delay > 0 { usleep(delay) }
        while seen == stallsAfter, !stop.isSet { usleep(1000) }
        let copy = keeps ? chunk.bytes.map { [UInt8]($0) } ?? [UInt8](repeating: 0, count: chunk.length) : []
        state.withLock {
            $0.bytes += copy
            $0.received += UInt64(chunk.length)
            $0.count += 1
        }
    }
}
