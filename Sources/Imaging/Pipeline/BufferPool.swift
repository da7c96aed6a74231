import Core
import Glibc

/// One of a pool's buffers.
struct Buffer {
    let index: Int
    /// Aligned to pages, and so to what reads and writes past the page cache need.
    let bytes: UnsafeMutableRawBufferPointer
    /// Keeps the memory.
    let pool: BufferPool
}

/// The memory that all data passes through: a fixed number of buffers, in one mapping.
///
/// Unchecked: the pointer is constant, and the ring gives each buffer to one writer, then to readers, then back.
final class BufferPool: @unchecked Sendable {
    let bufferSize: Int
    let count: Int
    private let base: UnsafeMutableRawPointer
    private let mapped: Int

    /// - Parameters:
    ///   - count: how many buffers.
    ///   - bufferSize: bytes of each, a multiple of the page size.
    /// - Throws: `ScoutError` (`io`) where there is no memory. The C function is `mmap`.
    init(count: Int, bufferSize: Int) throws(ScoutError) {
        self.bufferSize = bufferSize
        self.count = count
        mapped = count * bufferSize
        let memory = mmap(nil, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let memory, memory != MAP_FAILED else { throw ScoutError.system(.io, "no memory for buffers", errno) }
        base = memory
        // Page faults of small pages would cost more than the copy of the data; a refusal is no loss.
        madvise(memory, mapped, MADV_HUGEPAGE)
    }

    deinit { munmap(base, mapped) }

    subscript(_ index: Int) -> Buffer {
        Buffer(
            index: index, bytes: UnsafeMutableRawBufferPointer(start: base + index * bufferSize, count: bufferSize),
            pool: self)
    }
}
