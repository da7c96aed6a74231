import Core
import Glibc

/// Reads an image again and compares it with the manifest that its acquisition wrote.
public struct Verification: Sendable {
    /// The verdict, and the facts that it rests on.
    public struct Result: Sendable {
        /// Whether size, every hash, and the report's mark of the manifest agree.
        public let isIntact: Bool
        /// The manifest's shape, with `scout.verify/1` as schema and fresh values beside the recorded ones.
        public let manifest: Manifest
    }

    private let image: String
    private let command: String
    private let version: String

    /// - Parameters:
    ///   - image: the path of the image; its manifest is `IMAGE.scout.json`.
    ///   - version: of this program, for the result.
    ///   - command: the whole command line, for the result.
    public init(image: String, version: String, command: String) {
        self.image = image
        self.version = version
        self.command = command
    }

    /// Reads and compares. The image and its companions are not written to.
    ///
    /// - Parameters:
    ///   - cancellation: ends the work within 200 ms.
    ///   - progress: called about ten times a second, on a thread of its own.
    /// - Returns: the verdict; that it says no is not an error.
    /// - Throws: `ScoutError`: `noSource` without an image, `badData` without a manifest or with a report that is
    ///   not readable, `io`, `interrupted`.
    public func run(
        cancellation: Cancellation, progress: @escaping @Sendable (Progress) -> Void
    ) async throws -> Result {
        try await cancellation.run { try verify(cancellation, progress) }
    }

    private func verify(
        _ cancellation: Cancellation, _ progress: @escaping @Sendable (Progress) -> Void
    ) throws(ScoutError) -> Result {
        let descriptor = try FileSystem.openToRead(image, "the image \(image)")
        defer { close(descriptor) }
        let size = try FileSystem.size(descriptor, path: image)
        let names = ImageFiles.Names(image: image)
        let (recorded, bytes) = try Manifest.read(names.manifest)
        let report = try FileSystem.read(names.report)
        let started = Manifest.now()
        let clock = ContinuousClock.now

        FileSystem.forgetCache(descriptor)
        let algorithms = HashAlgorithm.allCases.filter { recorded.hashes[$0.rawValue] != nil }
        let digests = try Pipeline.run(algorithms) { ring throws(ScoutError) in
            let reader = FileReader(
                descriptor: descriptor, path: image, size: size, ring: ring, cancellation: cancellation)
            try reader.run(progress: progress)
        }

        var fresh = recorded
        fresh.schema = Manifest.verifySchema
        fresh.image = Manifest.Image(path: image, sizeBytes: size, recordedSizeBytes: recorded.image.sizeBytes)
        for (algorithm, digest) in digests {
            let old = recorded.hashes[algorithm.rawValue]
            fresh.hashes[algorithm.rawValue] = Manifest.Hash(
                image: digest, source: old?.source, recorded: old?.image,
                matches: old?.image.lowercased() == digest)
        }
        fresh.manifestMatchesReport = report.map { TextReport.names(bytes, in: String(decoding: $0, as: UTF8.self)) }
        fresh.startedAt = started
        fresh.finishedAt = Manifest.now()
        fresh.averageBytesPerSecond = rate(size, since: clock)
        fresh.tool = .current(version: version, command: command)
        fresh.conditions = fresh.differences
        fresh.verified = fresh.differences.isEmpty
        return Result(isIntact: fresh.verified, manifest: fresh)
    }
}

/// Bytes per second since a moment.
func rate(_ bytes: UInt64, since start: ContinuousClock.Instant) -> UInt64 {
    UInt64(Double(bytes) / max((ContinuousClock.now - start) / .seconds(1), 0.001))
}
