import Core
import Glibc
import Platform
import Synchronization

/// The signals of this process, for as long as somebody wants to see them instead of being ended by them.
///
/// One at a time in a process. The handler writes the signal's number into a pipe, which a thread of ours reads.
final class CaughtSignals: Sendable {
    /// The signals in the order they came.
    let stream: AsyncStream<CInt>
    private let previous: [(signal: CInt, action: SignalAction)]
    private let writeEnd: CInt

    /// - Returns: `nil` where another is at work, or there is no descriptor left.
    init?(_ signals: [CInt]) {
        // A handler must not wait; a pipe full of signals has room for no more news.
        guard let ends = try? PipeEnds(nonblocking: .write) else { return nil }
        guard signalPipe.compareExchange(expected: -1, desired: ends.write, ordering: .acquiringAndReleasing).exchanged
        else {
            ends.close()
            return nil
        }
        writeEnd = ends.write
        previous = signals.compactMap { signal in
            // What nohup made this process ignore stays ignored.
            let old = SignalAction.current(signal)
            guard old != .ignored else { return nil }
            SignalAction(noteSignal).install(for: signal)
            return (signal, old)
        }
        let (stream, continuation) = AsyncStream.makeStream(of: CInt.self)
        self.stream = stream
        let readEnd = ends.read
        Task.detached {
            await blocking {
                var byte: UInt8 = 0
                while read(readEnd, &byte, 1) == 1 { continuation.yield(CInt(byte)) }
                close(readEnd)
                continuation.finish()
            }
        }
    }

    /// Lets the signals do again what they did before.
    func release() {
        for (signal, action) in previous { action.install(for: signal) }
        signalPipe.store(-1, ordering: .sequentiallyConsistent)
        close(writeEnd)
    }
}

private let signalPipe = Atomic<CInt>(-1)

private let noteSignal: @convention(c) (CInt) -> Void = { signal in
    let saved = errno
    var byte = UInt8(truncatingIfNeeded: signal)
    let end = signalPipe.load(ordering: .relaxed)
    if end >= 0 { _ = write(end, &byte, 1) }
    errno = saved
}
