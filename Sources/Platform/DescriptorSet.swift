import CLinux
import Glibc

/// Descriptors that are waited for together, at a cost that doesn't grow with those that stand idle (epoll(7)).
public final class DescriptorSet: Sendable {
    /// What a descriptor should be ready for.
    public enum Readiness: Sendable { case reading, writing }

    /// Readable, for `poll`, while a descriptor of the set is ready.
    public let descriptor: CInt

    /// - Throws: `SystemError` (`noDescriptor`) where the process or the system has none left. The C function is
    ///   `epoll_create1`.
    public init() throws(SystemError) {
        descriptor = clinux_epoll()
        guard descriptor >= 0 else { throw SystemError(.noDescriptor, "no set of descriptors to be had", code: errno) }
    }

    deinit { close(descriptor) }

    /// Has the set tell, once, that a descriptor is ready; one whose other end has failed is ready, too.
    ///
    /// - Parameters:
    ///   - number: the descriptor; the set knows each number once.
    ///   - readiness: what it should be ready for.
    ///   - mark: what ``takeReady()`` calls it.
    ///   - isNew: the set doesn't know it yet.
    /// - Returns: `false` for what can't be waited for because it is always ready, such as a file.
    /// - Throws: `SystemError`. The C function is `epoll_ctl`.
    public func watch(
        _ number: CInt, for readiness: Readiness, mark: UInt64, isNew: Bool
    ) throws(SystemError) -> Bool {
        if clinux_epoll_watch(descriptor, number, isNew ? 1 : 0, readiness == .writing ? 1 : 0, mark) == 0 {
            return true
        }
        guard errno == EPERM else { throw SystemError("cannot watch a descriptor", code: errno) }
        return false
    }

    /// Takes a descriptor out, before it is closed; harmless where the set doesn't know it.
    public func forget(_ number: CInt) {
        // It fails only where the set doesn't know it.
        _ = clinux_epoll_forget(descriptor, number)
    }

    /// The marks of descriptors that are ready, without waiting; those that find no room here are told the next time.
    public func takeReady() -> [UInt64] {
        [UInt64](unsafeUninitializedCapacity: 64) { marks, used in
            used = max(Int(clinux_epoll_ready(descriptor, marks.baseAddress, CInt(marks.count))), 0)
        }
    }
}
