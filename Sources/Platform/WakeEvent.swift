import CLinux
import Glibc

/// A descriptor that makes a waiting `poll` return. The C function is `eventfd`.
public final class WakeEvent: Sendable {
    /// Readable from ``signal()`` until ``drain()``, for `poll`.
    public let descriptor: CInt

    /// - Throws: `SystemError` (`noDescriptor`) where the process or the system has none left.
    public init() throws(SystemError) {
        descriptor = clinux_eventfd()
        guard descriptor >= 0 else { throw SystemError(.noDescriptor, "no event to be had", code: errno) }
    }

    deinit { close(descriptor) }

    /// Makes the descriptor readable. May be called from any thread, from a signal handler, and more than once.
    public func signal() {
        // It fails only where more signals are counted than fit 64 bits, and is readable then.
        var one: UInt64 = 1
        _ = write(descriptor, &one, MemoryLayout<UInt64>.size)
    }

    /// Forgets all signals until now; none is no failure.
    public func drain() {
        var count: UInt64 = 0
        // It fails only where there was none.
        _ = read(descriptor, &count, MemoryLayout<UInt64>.size)
    }
}
