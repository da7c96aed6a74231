import Core
import Crypto
import Glibc
import Platform
import Synchronization

/// A hash that is being computed.
private protocol RunningHash: Sendable {
    mutating func update(_ bytes: UnsafeRawBufferPointer)
    func digest() -> String
}

private struct Running<Function: HashFunction & Sendable>: RunningHash {
    private var function = Function()
    mutating func update(_ bytes: UnsafeRawBufferPointer) { function.update(bufferPointer: bytes) }
    func digest() -> String { function.finalize().hexadecimal }
}

/// Zeros to hash where the source has a hole, few enough to stay in the first cache.
private let zeros = [UInt8](repeating: 0, count: HashSink.passBytes)

/// The hashes that one thread computes in one pass.
final class HashSink: Sink {
    /// How much goes through all hashes of the sink before the next part: it must stay in a core's own cache.
    static let passBytes = 64 << 10

    let algorithms: [HashAlgorithm]
    /// Locked once for each chunk, by the sink's thread, and at the end for the digests.
    private let running: Mutex<[any RunningHash]>

    init(_ algorithms: [HashAlgorithm]) {
        self.algorithms = algorithms
        running = Mutex(
            algorithms.map { algorithm -> any RunningHash in
                switch algorithm {
                case .md5: Running<Insecure.MD5>()
                case .sha1: Running<Insecure.SHA1>()
                case .sha256: Running<SHA256>()
                case .sha512: Running<SHA512>()
                }
            })
    }

    /// Spreads hashes over threads.
    ///
    /// With cores to spare, each has a thread. Otherwise SHA-1 and SHA-256 share one: with the instructions that
    /// today's processors have for them, the two together cost what MD5 costs alone, and the data is fetched once.
    static func sinks(
        for algorithms: [HashAlgorithm], processors: Int = sysconf(CInt(_SC_NPROCESSORS_ONLN))
    ) -> [HashSink] {
        let wanted = HashAlgorithm.allCases.filter(algorithms.contains)
        if processors >= wanted.count + 2 { return wanted.map { HashSink([$0]) } }
        let together = wanted.filter { $0 == .sha1 || $0 == .sha256 }
        let alone = wanted.filter { $0 != .sha1 && $0 != .sha256 }.map { HashSink([$0]) }
        return alone + (together.isEmpty ? [] : [HashSink(together)])
    }

    func take(_ chunk: Chunk, _ stop: StopFlag) {
        running.withLock { hashes in
            var position = 0
            while position < chunk.length, !stop.isSet {
                let length = min(Self.passBytes, chunk.length - position)
                if let bytes = chunk.bytes {
                    Self.update(&hashes, UnsafeRawBufferPointer(rebasing: bytes[position..<position + length]))
                } else {
                    zeros.withUnsafeBytes { Self.update(&hashes, UnsafeRawBufferPointer(rebasing: $0[..<length])) }
                }
                position += length
            }
        }
    }

    private static func update(_ hashes: inout [any RunningHash], _ bytes: UnsafeRawBufferPointer) {
        for index in hashes.indices { hashes[index].update(bytes) }
    }

    /// The digests, in lower-case hexadecimal.
    var digests: [HashAlgorithm: String] {
        let digests = running.withLock { $0.map { $0.digest() } }
        return Dictionary(uniqueKeysWithValues: zip(algorithms, digests))
    }
}

extension [HashSink] {
    /// The digests of all.
    var digests: [HashAlgorithm: String] { reduce(into: [:]) { $0.merge($1.digests) { first, _ in first } } }
}
