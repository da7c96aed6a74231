import Core
import Crypto
import Glibc

/// Takes bytes and gives a digest in the end.
private protocol DigestSink: AnyObject {
    func update(_ bytes: UnsafeRawBufferPointer)
    func digest() -> String
}

private final class Sink<Function: HashFunction>: DigestSink {
    private var function = Function()
    func update(_ bytes: UnsafeRawBufferPointer) { function.update(bufferPointer: bytes) }
    func digest() -> String { function.finalize().map { byteText[Int($0)] }.joined() }
}

private let byteText = (0..<256).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }

/// Zeros to hash where the source has a hole, small enough to stay in the first cache.
///
/// Unchecked: allocated once, never written to.
private final class Zeros: @unchecked Sendable {
    static let shared = Zeros()
    let bytes: UnsafeRawBufferPointer

    private init() {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: HashGroup.passBytes, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        bytes = UnsafeRawBufferPointer(memory)
    }
}

/// The hashes that one thread computes in one pass.
///
/// Unchecked: made on one thread, then used by the hash thread alone; the digests are taken after that has ended,
/// which the ring's lock orders.
final class HashGroup: @unchecked Sendable {
    /// How much goes through all hashes of the group before the next part: it must stay in a core's own cache.
    static let passBytes = 64 << 10

    let algorithms: [HashAlgorithm]
    private let sinks: [any DigestSink]

    init(_ algorithms: [HashAlgorithm]) {
        self.algorithms = algorithms
        sinks = algorithms.map { algorithm in
            switch algorithm {
            case .md5: Sink<Insecure.MD5>()
            case .sha1: Sink<Insecure.SHA1>()
            case .sha256: Sink<SHA256>()
            case .sha512: Sink<SHA512>()
            }
        }
    }

    /// Spreads hashes over threads.
    ///
    /// With cores to spare, each has a thread. Otherwise SHA-1 and SHA-256 share one: with the instructions that
    /// today's processors have for them, the two together cost what MD5 costs alone, and the data is fetched once.
    static func split(
        _ algorithms: [HashAlgorithm], processors: Int = sysconf(CInt(_SC_NPROCESSORS_ONLN))
    ) -> [HashGroup] {
        let wanted = HashAlgorithm.allCases.filter(algorithms.contains)
        if processors >= wanted.count + 2 { return wanted.map { HashGroup([$0]) } }
        let together = wanted.filter { $0 == .sha1 || $0 == .sha256 }
        let alone = wanted.filter { $0 != .sha1 && $0 != .sha256 }.map { HashGroup([$0]) }
        return alone + (together.isEmpty ? [] : [HashGroup(together)])
    }

    /// Hashes one chunk; returns early where the ring was stopped.
    func consume(_ chunk: Chunk, of ring: Ring) {
        var position = 0
        while position < chunk.length, !ring.isStopped {
            let length = min(Self.passBytes, chunk.length - position)
            let source = chunk.buffer.map { UnsafeRawBufferPointer(ring.pool[$0]) }
            let range = source == nil ? 0..<length : position..<position + length
            let part = UnsafeRawBufferPointer(rebasing: (source ?? Zeros.shared.bytes)[range])
            for sink in sinks { sink.update(part) }
            position += length
        }
    }

    /// The digests, in lower-case hexadecimal.
    func digests() -> [HashAlgorithm: String] {
        var result: [HashAlgorithm: String] = [:]
        for (algorithm, sink) in zip(algorithms, sinks) { result[algorithm] = sink.digest() }
        return result
    }
}
