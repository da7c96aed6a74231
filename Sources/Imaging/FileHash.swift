public import Core
import Glibc
public import Platform

/// Hashes a device or file where it lies, reading it once.
public enum FileHash {
    /// Reads to the end. Nothing is written.
    ///
    /// - Parameters:
    ///   - path: a block device or a regular file.
    ///   - algorithms: which hashes.
    ///   - cancellation: ends the work within 200 ms.
    ///   - progress: called about ten times a second.
    /// - Returns: the size in bytes, and digests in lower-case hexadecimal.
    /// - Throws: `ScoutError`: `noSource`, `io`, `interrupted`.
    ///
    /// The C functions are `open` and `pread`.
    public static func digests(
        of path: String, algorithms: [HashAlgorithm], cancellation: Cancellation<ScoutError>,
        progress: @escaping @Sendable (Progress) -> Void
    ) async throws -> (sizeBytes: UInt64, hashes: [HashAlgorithm: String]) {
        try await cancellation.run { try read(path, algorithms, cancellation, progress) }
    }

    private static func read(
        _ path: String, _ algorithms: [HashAlgorithm], _ cancellation: Cancellation<ScoutError>,
        _ progress: @escaping (Progress) -> Void
    ) throws(ScoutError) -> (sizeBytes: UInt64, hashes: [HashAlgorithm: String]) {
        let descriptor = try FileSystem.openToRead(path, path)
        defer { close(descriptor) }
        let size = try FileSystem.size(descriptor, path: path)
        let hashing = HashSink.sinks(for: algorithms)
        let pipeline = Pipeline(phase: .verifying, cancellation: cancellation, progress: progress)
        try pipeline.run(FileReader(descriptor: descriptor, path: path, sizeBytes: size), into: hashing)
        return (size, hashing.digests)
    }
}
