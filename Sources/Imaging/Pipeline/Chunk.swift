/// One range of the image, on its way from a producer to the sinks.
struct Chunk {
    /// Bytes from the start of the image.
    let offset: UInt64
    /// Bytes; a range with a buffer is never longer than the buffer.
    let length: Int
    /// The buffer that holds it; `nil` for a range of zeros, which has none.
    let buffer: Buffer?
    /// Parts of the buffer that were not read from the source, in order: zeros stand there.
    var unread: [Range<Int>] = []

    /// The first byte behind it.
    var end: UInt64 { offset + UInt64(length) }

    /// The bytes; `nil` for a range of zeros. Valid until the sink is done with the chunk.
    var bytes: UnsafeRawBufferPointer? {
        buffer.map { UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer($0.bytes)[..<length]) }
    }
}
