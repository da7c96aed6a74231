import Core

/// How an acquisition's manifest comes about, a fact at a time.
extension Manifest {
    /// Begins with where the image comes from and what makes it; all else is unknown, empty or 0.
    init(source: SourceDescription, tool: Tool) {
        self.init(
            schema: Self.acquireSchema, source: source, image: Image(path: "", sizeBytes: 0), hashes: [:],
            verified: false, badRanges: [], readErrors: [], interruptions: 0, startedAt: "", finishedAt: "",
            averageBytesPerSecond: 0, tool: tool, case: CaseRecord(), hpa: "unknown", dco: "unknown")
    }

    /// Notes what was read of the source, and what of it is in the file.
    mutating func note(_ reader: ExportReader, _ writer: ImageWriter, path: String) {
        let size = reader.sizeBytes
        let written = writer.writtenBytes
        let (promised, unreadable) = (reader.promised, reader.errors.unreadable.bytes)
        image = Image(path: path, sizeBytes: size, dataBytes: written, holeBytes: size - written)
        badRanges = reader.errors.badRanges
        readErrors = reader.errors.records
        coverage = Coverage(
            readBytes: size - promised.bytes - unreadable, readZeroBytes: writer.readZeroBytes,
            promisedZeroBytes: promised.bytes, promisedZeroRangeCount: promised.count,
            promisedZeroRanges: promised.first, unreadableBytes: unreadable)
    }

    /// Notes the image's hashes, as it was written.
    mutating func note(_ digests: [HashAlgorithm: String]) {
        hashes = digests.reduce(into: [:]) { $0[$1.key.rawValue] = Hash(image: $1.value) }
    }

    /// Notes when it was done, and how fast.
    mutating func note(_ timeline: Timeline) {
        startedAt = timeline.startedAt
        finishedAt = timeline.finishedAt
        averageBytesPerSecond = timeline.averageBytesPerSecond
    }
}
