import Core
import Glibc
import Synchronization

/// Writes chunks into a fresh, all-hole file, and leaves a hole wherever there are only zeros.
final class ImageWriter: Sink {
    /// Zeros are looked for in pieces of this size, aligned to it.
    static let block = 4096

    /// Shorter runs go through the page cache, where the kernel gathers them: a disk would seek for each.
    static let directMinimum = 256 << 10

    private let image: ImageFiles
    private let isDirect: Atomic<Bool>
    private let written = Atomic<UInt64>(0)
    private let readZeros = Atomic<UInt64>(0)

    /// Bytes that were written; the rest of the file is holes.
    var writtenBytes: UInt64 { written.load(ordering: .relaxed) }
    /// Bytes that were read from the source, and found to be zeros in whole blocks.
    var readZeroBytes: UInt64 { readZeros.load(ordering: .relaxed) }

    init(_ image: ImageFiles) {
        self.image = image
        isDirect = Atomic(image.directDescriptor != nil)
    }

    func take(_ chunk: Chunk, _ stop: StopFlag) throws(ScoutError) {
        guard let bytes = chunk.bytes else { return }
        var position = 0
        var hasCached = false
        while !stop.isSet {
            let run = Self.nextRun(in: bytes, from: position)
            let zeros = Self.count(position..<(run?.lowerBound ?? bytes.count), without: chunk.unread)
            readZeros.add(zeros, ordering: .relaxed)
            guard let run else { break }
            let offset = chunk.offset + UInt64(run.lowerBound)
            let direct = try writeDirectly(UnsafeRawBufferPointer(rebasing: bytes[run]), at: offset)
            if direct < run.count {
                let rest = run.lowerBound + direct..<run.upperBound
                try write(UnsafeRawBufferPointer(rebasing: bytes[rest]), at: offset + UInt64(direct))
                hasCached = true
            }
            position = run.upperBound
        }
        // The disk works while the network does; the sync at the end finds little left to wait for.
        if hasCached {
            try FileSystem.startWriteback(image.descriptor, chunk.offset..<chunk.end, path: image.names.partial)
        }
    }

    /// Writes the whole blocks of a long run past the page cache, which spares a copy and the reader's memory.
    ///
    /// No page is ever written both ways: what is left to the cache is whole blocks, or the end of the image.
    ///
    /// - Returns: how many bytes from the start of the run are written; 0 where this way is not open.
    private func writeDirectly(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(ScoutError) -> Int {
        guard isDirect.load(ordering: .relaxed), let direct = image.directDescriptor, bytes.count >= Self.directMinimum,
            offset.isMultiple(of: UInt64(Self.block))
        else { return 0 }
        let whole = bytes.count / Self.block * Self.block
        do throws(WriteFailure) {
            try writeAll(UnsafeRawBufferPointer(rebasing: bytes[..<whole]), to: direct, at: offset)
            return whole
        } catch {
            guard error.code == EINVAL else { throw FileSystem.writeFailure(image.names.partial, error.code) }
            // The file system took the flag and refuses the write; the cache takes the same bytes again.
            written.subtract(UInt64(error.written), ordering: .relaxed)
            isDirect.store(false, ordering: .relaxed)
            return 0
        }
    }

    private static func count(_ range: Range<Int>, without parts: [Range<Int>]) -> UInt64 {
        UInt64(range.count - parts.reduce(0) { $0 + $1.clamped(to: range).count })
    }

    /// The next range of blocks that are not all zeros.
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
        do throws(WriteFailure) {
            try writeAll(bytes, to: image.descriptor, at: offset)
        } catch {
            throw FileSystem.writeFailure(image.names.partial, error.code)
        }
    }

    private struct WriteFailure: Error {
        let code: CInt
        let written: Int
    }

    private func writeAll(_ bytes: UnsafeRawBufferPointer, to file: CInt, at offset: UInt64) throws(WriteFailure) {
        var position = 0
        while position < bytes.count, let base = bytes.baseAddress {
            let count = pwrite(file, base + position, bytes.count - position, off_t(offset) + off_t(position))
            if count > 0 {
                position += count
                written.add(UInt64(count), ordering: .relaxed)
            } else if count == 0 || errno != EINTR {
                throw WriteFailure(code: count == 0 ? EIO : errno, written: position)
            }
        }
    }
}
