import Core
import Foundation
import Platform
import Synchronization
import Testing

@testable import Imaging

/// The pipeline by itself: one producer, the ring, and sinks, each of which may do as it likes.
@Suite struct PipelineTests {
    private static let size: UInt64 = 40 << 20

    private func pipeline(
        buffers: Int = 4, _ cancellation: Cancellation<ScoutError>? = nil,
        progress: @escaping (Imaging.Progress) -> Void = { _ in }
    ) throws -> Pipeline {
        try Pipeline(
            buffers: buffers, phase: .reading, cancellation: cancellation ?? Cancellation(), progress: progress)
    }

    private func failure(_ body: () throws(ScoutError) -> Void) -> ScoutError? {
        do throws(ScoutError) {
            try body()
            return nil
        } catch {
            return error
        }
    }

    // MARK: - What comes through

    /// Any mixture of data and zeros, in chunks of any length, reaches every sink once, in order, unchanged.
    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func everySinkSeesEveryByteInOrder(seed: UInt64) throws {
        let producer = NoiseProducer(seed: seed, sizeBytes: 17_000_003)
        let sinks = [CollectingSink(), CollectingSink(delay: 200), CollectingSink()]
        let hash = HashSink([.sha256, .md5])
        try pipeline(buffers: 3).run(producer, into: sinks + [hash])
        let expected = producer.expected
        for sink in sinks { #expect(sink.bytes == expected) }
        let file = "/tmp/imaging-pipeline-" + String(UInt32.random(in: 0 ... .max), radix: 36)
        defer { unlink(file) }
        try Data(expected).write(to: URL(fileURLWithPath: file))
        for algorithm in [HashAlgorithm.sha256, .md5] {
            #expect(try hash.digests[algorithm] == coreutils(algorithm, file))
        }
    }

    @Test func nothingIsAPipelineTooAndSinksMayBeNone() throws {
        let sink = CollectingSink()
        try pipeline().run(NoiseProducer(seed: 1, sizeBytes: 0), into: [sink])
        #expect(sink.bytes.isEmpty)
        try pipeline().run(NoiseProducer(seed: 1, sizeBytes: Self.size), into: [])
    }

    /// The slower one sets the pace, and no buffer is given back before both are done with it.
    @Test func memoryIsBoundedByTheBuffersHoweverSlowASinkIs() throws {
        let slow = CollectingSink(delay: 3000, keeps: false)
        let fast = CollectingSink(keeps: false)
        let producer = NoiseProducer(seed: 3, sizeBytes: Self.size, zeros: false) { index in
            #expect(index < 3)
            // Whoever is ahead is so by the buffers at the most.
            #expect(fast.count - slow.count <= 3)
        }
        try pipeline(buffers: 3).run(producer, into: [slow, fast])
        #expect(slow.received == Self.size && fast.received == Self.size)
        #expect(producer.buffersSeen.count <= 3)
    }

    /// Zeros take no buffer, and are bounded by their number.
    @Test func zerosDoNotPileUpWithoutBound() throws {
        let slow = CollectingSink(delay: 100, keeps: false)
        let most = Mutex(0)
        let producer = ClosureProducer(sizeBytes: 2000) { feed throws(ScoutError) in
            for offset in 0..<UInt64(2000) {
                try feed.send(Chunk(offset: offset, length: 1, buffer: nil))
                most.withLock { $0 = max($0, Int(offset) + 1 - slow.count) }
            }
        }
        try pipeline().run(producer, into: [slow])
        #expect(slow.received == 2000)
        #expect(most.withLock { $0 } <= 257, "\(most.withLock { $0 })")
    }

    @Test func progressGrowsAndEndsAtTheWhole() throws {
        var seen: [Imaging.Progress] = []
        let slow = CollectingSink(delay: 20_000, keeps: false)
        try pipeline(progress: { seen.append($0) }).run(NoiseProducer(seed: 5, sizeBytes: Self.size), into: [slow])
        #expect(seen.count > 1 && seen.last?.doneBytes == Self.size)
        #expect(seen.allSatisfy { $0.totalBytes == Self.size && $0.wireBytes <= Self.size })
        #expect(zip(seen, seen.dropFirst()).allSatisfy { $0.doneBytes <= $1.doneBytes && $0.wireBytes <= $1.wireBytes })
    }

    // MARK: - Producers that fail

    @Test(arguments: [0, 1, 9, 15])
    func aProducerThatFailsEndsItAll(after chunks: Int) throws {
        let sink = CollectingSink(keeps: false)
        let producer = NoiseProducer(seed: 7, sizeBytes: Self.size, zeros: false, failsAfter: chunks)
        let error = try failure(pipeline(), producer, [sink])
        #expect(error?.message == "the source is broken")
        #expect(sink.isIdle && sink.count <= chunks)
    }

    /// A shorter image must never pass for a whole one.
    @Test(arguments: [0, 1, Self.size - 1])
    func aProducerThatEndsEarlyIsAnError(at end: UInt64) throws {
        let sink = CollectingSink(keeps: false)
        let producer = ClosureProducer(sizeBytes: Self.size) { feed throws(ScoutError) in
            if end > 0 { try feed.send(Chunk(offset: 0, length: Int(end), buffer: nil)) }
        }
        let error = try failure(pipeline(), producer, [sink])
        #expect(
            error?.code == .io && error?.message.contains("ended at byte \(end),") == true,
            "\(String(describing: error))")
        #expect(sink.isIdle)
    }

    @Test(arguments: [(UInt64(0), 0), (1, 1), (8192, 1), (4095, 1), (0, 1)])
    func aGapOrAnOverlapIsAnError(offset: UInt64, length: Int) throws {
        let producer = ClosureProducer(sizeBytes: Self.size) { feed throws(ScoutError) in
            try feed.send(Chunk(offset: 0, length: 4096, buffer: nil))
            try feed.send(Chunk(offset: offset, length: length, buffer: nil))
            try feed.check()
        }
        let error = try failure(pipeline(), producer, [CollectingSink()])
        #expect(error?.message.contains("byte 4096 was expected") == true, "\(String(describing: error))")
    }

    @Test func moreThanTheSizeIsAnError() throws {
        let producer = ClosureProducer(sizeBytes: 10) { feed throws(ScoutError) in
            try feed.send(Chunk(offset: 0, length: 11, buffer: nil))
        }
        #expect(try failure(pipeline(), producer, [CollectingSink()])?.code == .io)
    }

    // MARK: - Sinks that fail

    /// Whichever of several sinks, at whichever chunk: its error is the one that is told, and all others end.
    @Test(arguments: 0...2, [0, 3, 19])
    func aSinkThatFailsEndsItAll(which: Int, after chunks: Int) throws {
        let sinks = (0..<3).map { CollectingSink(keeps: false, failsAfter: $0 == which ? chunks : nil) }
        let error = try failure(pipeline(), NoiseProducer(seed: 9, sizeBytes: Self.size, zeros: false), sinks)
        #expect(error?.message == "the sink is full")
        #expect(sinks.filter { !$0.isIdle }.isEmpty)
        #expect(sinks[which].count == chunks)
    }

    /// A producer that waits for its source only, as long as no sink fails, is woken by the failure.
    @Test func aSinkThatFailsWakesAProducerThatWaits() throws {
        let producer = ClosureProducer(sizeBytes: Self.size) { feed throws(ScoutError) in
            try feed.send(Chunk(offset: 0, length: 1, buffer: nil))
            while true {
                var descriptors = feed.wakeDescriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
                #expect(poll(&descriptors, nfds_t(descriptors.count), 20_000) > 0)
                try feed.check()
            }
        }
        let start = ContinuousClock.now
        let error = try failure(pipeline(), producer, [CollectingSink(failsAfter: 0)])
        #expect(error?.message == "the sink is full" && .now - start < .seconds(5))
    }

    /// A producer that fails because a sink has failed before, as a server does whose client reads no more.
    @Test func theFirstOfTwoErrorsIsTheOne() throws {
        let producer = ClosureProducer(sizeBytes: Self.size) { feed throws(ScoutError) in
            try feed.send(Chunk(offset: 0, length: 1, buffer: nil))
            var descriptors = feed.wakeDescriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            #expect(poll(&descriptors, nfds_t(descriptors.count), 20_000) > 0)
            throw ScoutError(.unreachable, "the source is gone")
        }
        #expect(try failure(pipeline(), producer, [CollectingSink(failsAfter: 0)])?.message == "the sink is full")
    }

    // MARK: - Cancellation

    /// At a random moment, with a random part of the pipeline in a stall of its own: it ends soon, and nothing runs on.
    @Test(arguments: 1...16 as ClosedRange<UInt64>)
    func cancellingEndsItWhateverItIsDoing(seed: UInt64) async throws {
        var random = Seeded(state: seed)
        let cancellation = try Cancellation()
        let moment = Duration.microseconds(Int.random(in: 0...60_000, using: &random))
        let stall = Stall.allCases[Int(seed) % Stall.allCases.count]
        let at = Int.random(in: 0...12, using: &random)
        let sinks = [
            CollectingSink(delay: 500, keeps: false),
            CollectingSink(delay: 500, keeps: false, stallsAfter: stall == .sink ? at : nil),
        ]
        // The task's alone until it has ended.
        nonisolated(unsafe) let producer = NoiseProducer(
            seed: seed, sizeBytes: 400 << 20, stallsAfter: stall == .producer ? at : nil)
        nonisolated(unsafe) let pipeline = try pipeline(cancellation)
        let task = Task { try await Platform.Thread.run { try pipeline.run(producer, into: sinks) } }
        try await Task.sleep(for: moment)
        let start = ContinuousClock.now
        cancellation.cancel()
        let error = await scoutError { try await task.value }
        #expect(error?.code == .interrupted)
        #expect(.now - start < .seconds(2))
        #expect(sinks.filter { !$0.isIdle }.isEmpty)
    }

    private enum Stall: CaseIterable { case nobody, producer, sink }

    @Test func whatIsCancelledBeforehandDoesNotBegin() throws {
        let cancellation = try Cancellation()
        cancellation.cancel()
        let sink = CollectingSink(keeps: false)
        let producer = NoiseProducer(seed: 1, sizeBytes: Self.size)
        #expect(try failure(pipeline(cancellation), producer, [sink])?.code == .interrupted)
        #expect(sink.count == 0 && producer.buffersSeen.isEmpty)
    }

    /// After the last chunk, while a sink still works.
    @Test func cancellingDuringTheLastChunksEndsItToo() throws {
        let cancellation = try Cancellation()
        let sink = CollectingSink(keeps: false, stallsAfter: 0)
        let producer = ClosureProducer(sizeBytes: 1) { feed throws(ScoutError) in
            try feed.send(Chunk(offset: 0, length: 1, buffer: nil))
            DispatchQueue.global().asyncAfter(deadline: .now() + 0.1) { cancellation.cancel() }
        }
        let start = ContinuousClock.now
        #expect(try failure(pipeline(cancellation), producer, [sink])?.code == .interrupted)
        #expect(.now - start < .seconds(2) && sink.isIdle)
    }

    /// The error in which a pipeline ends; `nil` where it ends well.
    private func failure(
        _ pipeline: Pipeline, _ producer: some Producer, _ sinks: [any Sink]
    ) throws -> ScoutError? {
        failure { () throws(ScoutError) in try pipeline.run(producer, into: sinks) }
    }
}
