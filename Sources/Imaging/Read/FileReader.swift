import Core
import Glibc

/// Reads an image file from its start to its end, and publishes it in order. Holes are told, not read.
struct FileReader {
    private static let seekData: CInt = 3
    private static let seekHole: CInt = 4
    private static let longestZeros: UInt64 = 64 << 20

    let descriptor: CInt
    let path: String
    let size: UInt64
    let ring: Ring
    let cancellation: Cancellation

    /// Reads everything; returns when the consumers are done with the last chunk.
    ///
    /// The C functions are `pread`, and `lseek` with `SEEK_DATA` and `SEEK_HOLE`.
    ///
    /// - Throws: `ScoutError`: `io`, `interrupted`, or what a consumer failed with.
    func run(progress: @escaping (Progress) -> Void) throws(ScoutError) {
        var meter = ProgressMeter(.verifying, totalBytes: size, report: progress)
        var position: UInt64 = 0
        var fileBytes: UInt64 = 0
        var dataEnd: UInt64 = 0
        while position < size {
            if position >= dataEnd {
                let (start, end) = nextData(from: position)
                while position < start {
                    let length = min(start - position, Self.longestZeros)
                    try publish(Chunk(offset: position, length: Int(length), buffer: nil))
                    position += length
                }
                dataEnd = end
                continue
            }
            let buffer = try takeBuffer()
            let length = Int(min(UInt64(ring.pool.bufferSize), dataEnd - position))
            try read(UnsafeMutableRawBufferPointer(rebasing: ring.pool[buffer][..<length]), at: position)
            try publish(Chunk(offset: position, length: length, buffer: buffer))
            position += UInt64(length)
            fileBytes += UInt64(length)
            meter.update(doneBytes: ring.doneBytes, wireBytes: fileBytes)
        }
        ring.finish()
        while !ring.isDrained {
            try ring.wait(cancellation)
            meter.update(doneBytes: ring.doneBytes, wireBytes: fileBytes)
        }
        try ring.check()
        meter.update(doneBytes: size, wireBytes: fileBytes, isLast: true)
    }

    /// The next stretch of data; the whole rest, where the file system does not tell.
    private func nextData(from position: UInt64) -> (start: UInt64, end: UInt64) {
        let start = lseek(descriptor, off_t(position), Self.seekData)
        guard start >= 0 else { return errno == ENXIO ? (size, size) : (position, size) }
        let end = lseek(descriptor, start, Self.seekHole)
        guard end > start else { return (position, size) }
        return (min(UInt64(start), size), min(UInt64(end), size))
    }

    private func read(_ bytes: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(ScoutError) {
        var done = 0
        while done < bytes.count, let base = bytes.baseAddress {
            let count = pread(descriptor, base + done, bytes.count - done, off_t(offset) + off_t(done))
            if count > 0 {
                done += count
            } else if count == 0 {
                throw ScoutError(.io, "\(path) ends at byte \(offset + UInt64(done)), before its size of \(size) bytes")
            } else if errno != EINTR {
                throw ScoutError.system(.io, "cannot read \(path) at byte \(offset + UInt64(done))", errno)
            }
        }
    }

    private func takeBuffer() throws(ScoutError) -> Int {
        while true {
            try check()
            if let buffer = ring.takeBuffer() { return buffer }
            try ring.wait(cancellation)
        }
    }

    private func publish(_ chunk: Chunk) throws(ScoutError) {
        try check()
        while !ring.publish(chunk) { try ring.wait(cancellation) }
    }

    private func check() throws(ScoutError) {
        try cancellation.check()
        try ring.check()
    }
}
