public import Core
import Glibc
public import Platform

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
    ///   - events: told of what happens, on the thread on which it happens; the last one is `ended`.
    /// - Returns: the verdict; that it says no is not an error.
    /// - Throws: `ScoutError`: `noSource` without an image, `badData` without a manifest or with a report that is
    ///   not readable, `io`, `interrupted`.
    public func run(
        cancellation: Cancellation<ScoutError>, events: @escaping @Sendable (Event) -> Void
    ) async throws -> Result {
        let journal = Journal(events)
        return try await journal.ending { try await cancellation.run { try verify(cancellation, journal) } }
    }

    private func verify(_ cancellation: Cancellation<ScoutError>, _ journal: Journal) throws(ScoutError) -> Result {
        let descriptor = try FileSystem.openToRead(image, "the image \(image)")
        defer { close(descriptor) }
        let size = try FileSystem.size(descriptor, path: image)
        let names = ImageNames(image: image)
        let (recorded, bytes) = try Manifest.read(names.manifest)
        let report = try FileSystem.read(names.report)
        journal.note(.began(image: image))

        FileSystem.forgetCache(descriptor)
        let direct = FileSystem.openDirect(image, O_RDONLY, as: descriptor)
        // Closing what was only read loses nothing.
        defer { if let direct { close(direct) } }
        let hashing = HashSink.sinks(for: HashAlgorithm.allCases.filter { recorded.hashes[$0.rawValue] != nil })
        let pipeline = Pipeline(phase: .verifying, cancellation: cancellation) { journal.note(.progress($0)) }
        try pipeline.run(
            FileReader(descriptor: descriptor, direct: direct, path: image, sizeBytes: size), into: hashing)
        journal.note(.read(sizeBytes: size))

        var fresh = recorded
        fresh.schema = Manifest.verifySchema
        fresh.image = Manifest.Image(path: image, sizeBytes: size, recordedSizeBytes: recorded.image.sizeBytes)
        for (algorithm, digest) in hashing.digests {
            let old = recorded.hashes[algorithm.rawValue]
            fresh.hashes[algorithm.rawValue] = Manifest.Hash(
                image: digest, source: old?.source, recorded: old?.image,
                matches: old?.image.lowercased() == digest)
        }
        fresh.manifestMatchesReport = report.map { TextReport.names(bytes, in: String(decoding: $0, as: UTF8.self)) }
        fresh.tool = .current(version: version, command: command)
        let differences = fresh.differences
        journal.note(.completed(differences))
        fresh.conditions = differences
        fresh.verified = differences.isEmpty
        fresh.note(journal.timeline)
        return Result(isIntact: fresh.verified, manifest: fresh)
    }
}
