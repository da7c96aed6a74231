import Core
import Glibc

/// Writes segments into a fresh, all-hole file, and leaves a hole wherever there are only zeros.
///
/// Unchecked: made on one thread, then used by the writer thread alone; the count is read after that has ended,
/// which the ring's lock orders.
final class ImageWriter: @unchecked Sendable {
    /// Zeros are looked for in pieces of this size, aligned to it.
    static let block = 4096

    /// Bytes that were written; the rest of the file is holes.
    private(set) var writtenBytes: UInt64 = 0
    private let descriptor: CInt
    private let path: String

    init(descriptor: CInt, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    /// Writes one segment; returns early where the ring was stopped.
    func consume(_ segment: Segment, of ring: Ring) throws(ScoutError) {
        guard let buffer = segment.buffer else { return }
        let bytes = UnsafeRawBufferPointer(rebasing: ring.pool[buffer][..<segment.length])
        var position = 0
        while let run = Self.nextRun(in: bytes, from: position), !ring.isStopped {
            try write(UnsafeRawBufferPointer(rebasing: bytes[run]), at: segment.offset + UInt64(run.lowerBound))
            position = run.upperBound
        }
        // The medium works while the network does; the sync at the end finds little left to wait for.
        FileSystem.startWriteback(descriptor, segment.offset..<segment.offset + UInt64(segment.length))
    }

    /// The next stretch of blocks that are not all zeros.
    static func nextRun(in bytes: UnsafeRawBufferPointer, from start: Int) -> Range<Int>? {
        func blockIsZero(_ position: Int) -> Bool {
            isZero(UnsafeRawBufferPointer(rebasing: bytes[position..<min(position + block, bytes.count)]))
        }
        var first = start
        while first < bytes.count, blockIsZero(first) { first += block }
        guard first < bytes.count else { return nil }
        var end = first + block
        while end < bytes.count, !blockIsZero(end) { end += block }
        return first..<min(end, bytes.count)
    }

    /// Whether all bytes are zero: the first is, and each equals the next.
    static func isZero(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let base = bytes.baseAddress, bytes.count > 0 else { return true }
        return bytes[0] == 0 && memcmp(base, base + 1, bytes.count - 1) == 0
    }

    private func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(ScoutError) {
        var position = 0
        while position < bytes.count, let base = bytes.baseAddress {
            let count = pwrite(
                descriptor, base + position, bytes.count - position, off_t(offset) + off_t(position))
            if count > 0 {
                position += count
                writtenBytes += UInt64(count)
            } else if count == 0 || errno != EINTR {
                throw Self.failure(errno, path: path, written: writtenBytes)
            }
        }
    }

    private static func failure(_ code: CInt, path: String, written: UInt64) -> ScoutError {
        switch code {
        case ENOSPC, EDQUOT:
            ScoutError(
                .io, "the disk is full: no room in \(path) after \(written) bytes",
                hint: "free some space, or choose another disk, and acquire again")
        case EFBIG:
            ScoutError(
                .io, "the file system of \(path) or a limit does not allow a file of this size",
                hint: "choose another disk; 'ulimit -f' shows the limit")
        default:
            ScoutError.system(.io, "cannot write \(path)", code)
        }
    }
}
