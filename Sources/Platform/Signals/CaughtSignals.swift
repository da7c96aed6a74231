import CLinux
import Glibc
import Synchronization

/// Signals of this process, for as long as somebody wants to see them instead of being ended by them.
///
/// A signal that was ignored when it was asked for, as by `nohup`, stays ignored. Several may be at work at once, and each
/// sees every signal that it asked for; the last one that lets go of a signal gives it back its action of before.
///
/// The handler writes the number into a pipe. Signals arrive as bytes at ``descriptor``, for a loop with `poll`, or as a
/// ``stream()``, and not as both.
public final class CaughtSignals: Sendable {
    /// Those that are caught: what was asked for, without what is ignored.
    public let signals: [CInt]
    /// Readable when one has come; at its end once they are released.
    public let descriptor: CInt
    private let slot: Slot
    private let isReleased = OnceFlag()

    /// Begins to catch.
    ///
    /// - Parameters:
    ///   - wanted: the signals, of the numbers 1 to 63.
    ///   - evenIfIgnored: those that are caught whatever the process was started with.
    /// - Throws: `SystemError`: `noDescriptor`; `busy` where eight are at work.
    public init(_ wanted: [CInt], evenIfIgnored: Set<CInt> = []) throws(SystemError) {
        // A handler must not wait; a pipe full of signals has room for no more news.
        let ends = try PipeEnds(nonblocking: [.read, .write])
        guard let slot = slots.first(where: { $0.isTaken.exchange(true, ordering: .acquiring) == false }) else {
            ends.close()
            throw SystemError(.busy, "too many wait for signals")
        }
        do throws(SystemError) { try slot.open(ends.write) } catch {
            slot.isTaken.store(false, ordering: .releasing)
            ends.close()
            throw error
        }
        self.slot = slot
        descriptor = ends.read
        signals = installed.withLock { installed in
            let caught = wanted.filter { signal in
                let isOurs = installed[signal] != nil
                return isOurs || evenIfIgnored.contains(signal) || !SignalAction.isIgnored(signal)
            }
            // Before the handlers, so that the first signal is not lost.
            slot.mask.store(caught.reduce(0) { $0 | 1 << UInt64($1) }, ordering: .sequentiallyConsistent)
            for signal in caught {
                let before = installed[signal] ?? Installed(action: .current(signal))
                if before.users == 0 { SignalAction(noteSignal).install(for: signal) }
                installed[signal] = Installed(action: before.action, users: before.users + 1)
            }
            return caught
        }
    }

    /// The signals that have come since the last call, in their order; a number once for each time, as far as the kernel
    /// counts them.
    public func pending() -> [CInt] {
        var bytes = [UInt8](repeating: 0, count: 512)
        let count = read(descriptor, &bytes, bytes.count)
        return bytes.prefix(max(count, 0)).map { CInt($0) }
    }

    /// The signals in the order they come, until ``release()``. Ask for it once.
    ///
    /// A thread of its own reads them; where there is none to be had, the stream ends at once.
    public func stream() -> AsyncStream<CInt> {
        let (stream, continuation) = AsyncStream.makeStream(of: CInt.self)
        do throws(SystemError) {
            try Thread.start { [self] in
                while true {
                    var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                    if poll(&ready, 1, -1) < 0 {
                        if errno == EINTR || errno == EAGAIN { continue }
                        break
                    }
                    let came = pending()
                    if came.isEmpty { break }
                    for signal in came { continuation.yield(signal) }
                }
                continuation.finish()
            }
        } catch {
            continuation.finish()
        }
        return stream
    }

    /// Lets the signals do again what they did before. More than once is no failure.
    public func release() {
        guard isReleased.take() else { return }
        installed.withLock { installed in
            for signal in signals {
                guard let now = installed[signal] else { continue }
                if now.users == 1 { now.action.install(for: signal) }
                installed[signal] = now.users == 1 ? nil : Installed(action: now.action, users: now.users - 1)
            }
        }
        slot.mask.store(0, ordering: .sequentiallyConsistent)
        slot.shut()
        slot.isTaken.store(false, ordering: .releasing)
    }

    deinit {
        release()
        close(descriptor)
    }
}

/// A signal that somebody catches.
private struct Installed {
    /// What it did before.
    var action: SignalAction
    var users = 0
}

private let installed = Mutex<[CInt: Installed]>([:])

/// Made before the first handler is installed, as a handler can't.
private let slots = (0..<8).map { _ in Slot() }

/// Where the handler writes to, for one who waits.
///
/// Its descriptor keeps its number for the life of the process: a handler that is late, on another thread, writes into
/// `/dev/null`, and never into a file that has got the number since.
private final class Slot: Sendable {
    let isTaken = Atomic(false)
    /// The signals, a bit each.
    let mask = Atomic<UInt64>(0)
    let writer = Atomic<CInt>(-1)

    /// Takes a pipe's end over.
    func open(_ end: CInt) throws(SystemError) {
        let number = writer.load(ordering: .acquiring)
        if number < 0 {
            writer.store(end, ordering: .sequentiallyConsistent)
            return
        }
        guard clinux_dup3(end, number, O_CLOEXEC) >= 0 else { throw SystemError(.noDescriptor, "signals", code: errno) }
        close(end)
    }

    /// Lets go of the pipe.
    func shut() {
        let number = writer.load(ordering: .acquiring)
        let null = Glibc.open("/dev/null", O_WRONLY | O_CLOEXEC)
        if null >= 0, clinux_dup3(null, number, O_CLOEXEC) >= 0 {
            close(null)
        } else {
            // Without a descriptor to put in its place. No handler is installed any more, so hardly one is late.
            if null >= 0 { close(null) }
            writer.store(-1, ordering: .sequentiallyConsistent)
            close(number)
        }
    }
}

private let noteSignal: @convention(c) (CInt) -> Void = { signal in
    let saved = errno
    var byte = UInt8(truncatingIfNeeded: signal)
    for slot in slots where slot.mask.load(ordering: .sequentiallyConsistent) & (1 << UInt64(signal)) != 0 {
        let end = slot.writer.load(ordering: .sequentiallyConsistent)
        // A pipe that is full of signals has room for no more news.
        if end >= 0 { _ = write(end, &byte, 1) }
    }
    errno = saved
}
