/// One stretch of the image, on its way from the source to the hashes and the file.
struct Chunk {
    /// Bytes from the start of the image.
    let offset: UInt64
    /// Bytes; a stretch with a buffer is never longer than the buffer.
    let length: Int
    /// The number of the buffer that holds it; `nil` for a stretch of zeros, which has none.
    let buffer: Int?
    /// Parts of the buffer that were not read from the source, in order: zeros stand there.
    var unread: [Range<Int>] = []
}
