import Core

/// What no acquisition writes, and what a manifest is therefore not believed with: it may come from anybody.
extension Manifest {
    /// Refuses a manifest that contradicts itself.
    ///
    /// The image may have any size: that it is another than the recorded one is for the verification to say.
    ///
    /// - Parameter path: for the message.
    /// - Throws: `ScoutError` (`badData`).
    func check(_ path: String) throws(ScoutError) {
        guard !hashes.isEmpty else { throw ScoutError(.badData, "\(path) has no hash to verify against") }
        for (name, hash) in hashes {
            guard HashAlgorithm(rawValue: name) != nil else {
                throw ScoutError(.badData, "\(path) has an unknown hash '\(name)'")
            }
            if let source = hash.source, source != hash.image {
                throw Self.contradiction(path, "the \(name) of the source is not that of the image")
            }
        }
        let unreadable = try Self.sum(badRanges.map { ($0.offsetBytes, $0.lengthBytes) }, within: image.sizeBytes, path)
        guard let coverage else { return }
        let promised = try Self.sum(
            coverage.promisedZeroRanges.map { ($0.offsetBytes, $0.lengthBytes) }, within: image.sizeBytes, path)
        let listed = coverage.promisedZeroRanges.count
        let (known, isTooMuch) = coverage.readBytes.addingReportingOverflow(coverage.promisedZeroBytes)
        guard coverage.readZeroBytes <= coverage.readBytes, coverage.unreadableBytes == unreadable,
            !isTooMuch, known <= image.sizeBytes, image.sizeBytes - known == unreadable,
            listed == min(coverage.promisedZeroRangeCount, PromisedZeros.mostRanges),
            listed == coverage.promisedZeroRangeCount
                ? promised == coverage.promisedZeroBytes : promised < coverage.promisedZeroBytes
        else { throw Self.contradiction(path, "what was read, promised and unreadable does not add up to the image") }
    }

    /// How much ranges cover, which have to be in order and apart, within the image.
    private static func sum(
        _ ranges: [(offset: UInt64, length: UInt64)], within size: UInt64, _ path: String
    ) throws(ScoutError) -> UInt64 {
        var (sum, end): (UInt64, UInt64) = (0, 0)
        for range in ranges {
            guard range.length > 0, range.offset >= end, range.offset <= size, range.length <= size - range.offset
            else {
                throw contradiction(path, "its ranges overlap, or are not within the image")
            }
            sum += range.length
            end = range.offset + range.length
        }
        return sum
    }

    private static func contradiction(_ path: String, _ what: String) -> ScoutError {
        ScoutError(
            .badData, "\(path) contradicts itself: \(what)",
            hint: "it was changed after the acquisition: compare it with a copy that was kept, and with IMAGE.txt")
    }
}
