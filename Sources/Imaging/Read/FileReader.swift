import Core
import Glibc
import Platform

/// Reads a file or a block device from its start to its end. Holes are told, not read.
struct FileReader: Producer {
    private static let longestZeros: UInt64 = 64 << 20
    /// What reads past the page cache are aligned to.
    private static let block = 4096

    let descriptor: CInt
    /// The same file, opened to be read past the page cache; `nil` where that would not pay.
    var direct: CInt?
    let path: String
    let sizeBytes: UInt64

    /// The C functions are `pread`, and `lseek` with `SEEK_DATA` and `SEEK_HOLE`.
    ///
    /// - Throws: `ScoutError`: `io`, or what `feed` threw.
    func produce(into feed: Feed) throws(ScoutError) {
        // Only a hint, for what goes through the page cache: where it is not taken, the reads are as they were.
        _ = posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL)
        var direct = direct
        var position: UInt64 = 0
        var dataEnd: UInt64 = 0
        while position < sizeBytes {
            if position >= dataEnd {
                let (start, end) = nextData(from: position)
                while position < start {
                    let length = min(start - position, Self.longestZeros)
                    try feed.send(Chunk(offset: position, length: Int(length), buffer: nil))
                    position += length
                }
                dataEnd = end
                continue
            }
            let buffer = try feed.awaitBuffer()
            let length = Int(min(UInt64(feed.bufferSize), dataEnd - position))
            if !readDirectly(&direct, buffer.bytes, length, at: position) {
                try read(UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[..<length]), at: position)
            }
            feed.receivedBytes += UInt64(length)
            try feed.send(Chunk(offset: position, length: length, buffer: buffer))
            position += UInt64(length)
        }
        // What lies behind the end of a file looks like a hole to `lseek`.
        let end = try FileSystem.size(descriptor, path: path)
        guard end >= sizeBytes else { throw tooShort(end) }
    }

    /// The next range of data; the whole rest, where the file system does not tell.
    private func nextData(from position: UInt64) -> (start: UInt64, end: UInt64) {
        guard let data = LinuxFile.nextData(of: descriptor, from: Int64(position)) else { return (position, sizeBytes) }
        if data.isEmpty { return (sizeBytes, sizeBytes) }
        return (min(UInt64(data.lowerBound), sizeBytes), min(UInt64(data.upperBound), sizeBytes))
    }

    /// Reads whole blocks past the page cache: nothing is copied, and it is the disk that is read.
    ///
    /// - Parameters:
    ///   - direct: `nil` from then on, where the file system took the flag and refuses the read.
    ///   - buffer: with room for the length, rounded up to blocks.
    /// - Returns: whether all is read; otherwise it is to be read through the cache, which also tells what is wrong.
    private func readDirectly(
        _ direct: inout CInt?, _ buffer: UnsafeMutableRawBufferPointer, _ length: Int, at offset: UInt64
    ) -> Bool {
        guard let file = direct, offset.isMultiple(of: UInt64(Self.block)) else { return false }
        let whole = (length + Self.block - 1) / Self.block * Self.block
        while true {
            let count = pread(file, buffer.baseAddress, min(whole, buffer.count), off_t(offset))
            if count >= length { return true }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EINVAL { direct = nil }
            return false
        }
    }

    private func read(_ bytes: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(ScoutError) {
        var done = 0
        while done < bytes.count, let base = bytes.baseAddress {
            let count = pread(descriptor, base + done, bytes.count - done, off_t(offset) + off_t(done))
            if count > 0 {
                done += count
            } else if count == 0 {
                throw tooShort(offset + UInt64(done))
            } else if errno != EINTR {
                throw failure(at: offset + UInt64(done), errno)
            }
        }
    }

    private func tooShort(_ end: UInt64) -> ScoutError {
        ScoutError(.io, "\(path) ends at byte \(end), before its size of \(sizeBytes) bytes")
    }

    private func failure(at offset: UInt64, _ code: CInt) -> ScoutError {
        ScoutError.system(.io, "cannot read \(path) at byte \(offset)", code)
    }
}
