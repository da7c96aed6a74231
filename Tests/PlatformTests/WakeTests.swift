import Glibc
import Platform
import Testing

@Suite(.timeLimit(.minutes(1))) struct WakeTests {
    private struct Stop: Error, Equatable {
        var number = 0
    }

    private func isReadable(_ descriptor: CInt, within time: Duration = .zero) -> Bool {
        var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&ready, 1, time.pollTimeout) == 1
    }

    @Test func anEventWakesAPollUntilItIsDrained() async throws {
        let event = try WakeEvent()
        #expect(!isReadable(event.descriptor))
        try Thread.start {
            usleep(50_000)
            event.signal()
        }
        #expect(await Thread.blocking { isReadable(event.descriptor, within: .seconds(5)) })
        for _ in 0..<100_000 { event.signal() }
        event.drain()
        #expect(!isReadable(event.descriptor))
        // Nothing to forget is no failure, and does not block.
        event.drain()
    }

    @Test func theFirstReasonCounts() throws {
        let cancellation = try Cancellation(Stop())
        #expect(throws: Never.self) { try cancellation.check() }
        cancellation.cancel(Stop(number: 1))
        cancellation.cancel(Stop(number: 2))
        #expect(throws: Stop(number: 1)) { try cancellation.check() }
        #expect(isReadable(cancellation.wake.descriptor))
        let called = OnceFlag()
        cancellation.onCancel { _ = called.take() }
        #expect(!called.take())
    }

    @Test func whoTakesHisHandlerBackIsNotCalled() throws {
        let cancellation = try Cancellation(Stop())
        let flag = OnceFlag()
        cancellation.forget(cancellation.onCancel { _ = flag.take() })
        cancellation.cancel()
        #expect(flag.take())
    }

    @Test func workThatNeverReturnsIsLeftBehindAfterTheGrace() async throws {
        let cancellation = try Cancellation(Stop(), grace: .milliseconds(100))
        let never = try PipeEnds()
        defer { never.close() }
        let start = ContinuousClock.now
        try Thread.start {
            usleep(50_000)
            cancellation.cancel()
        }
        await #expect(throws: Stop.self) {
            try await cancellation.run {
                var byte: UInt8 = 0
                _ = read(never.read, &byte, 1)
            }
        }
        #expect(ContinuousClock.now - start < .seconds(3))
    }

    @Test func aCancelledTaskCancelsTheHandle() async throws {
        let cancellation = try Cancellation(Stop(number: 7))
        let task = Task {
            try await cancellation.following {
                try await cancellation.run {
                    while !cancellation.isCancelled { usleep(1000) }
                    try cancellation.check()
                }
            }
        }
        task.cancel()
        await #expect(throws: Stop(number: 7)) { try await task.value }
    }

    @Test func boundedWorkIsWaitedForNoLongerThanItsDeadline() throws {
        #expect(try Bounded.run(within: .seconds(5)) { 7 } == 7)
        let start = ContinuousClock.now
        #expect(try Bounded.run(within: .milliseconds(50)) { usleep(2_000_000) } == nil)
        #expect(ContinuousClock.now - start < .seconds(1))
    }
}
