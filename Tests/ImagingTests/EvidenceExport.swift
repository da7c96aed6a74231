import Core
import Foundation
import Imaging
import Platform
import Testing

/// A disk image in a directory of its own, exported by an nbdkit of its own, for the time of one test.
final class EvidenceExport {
    let directory: String
    var source: String { directory + "/source" }
    /// Where the test's image goes.
    var image: String { directory + "/image.dd" }
    var uri: String { "nbd+unix:///?socket=\(directory)/socket" }
    private var server: Child?

    /// - Parameters:
    ///   - size: of the source in bytes.
    ///   - seed: of its contents; the same seed makes the same bytes.
    ///   - arguments: of nbdkit; `{dir}` stands for the directory.
    init(
        size: Int, seed: UInt64 = 1, _ arguments: [String] = ["-r", "file", "{dir}/source"],
        prepare: (String) throws -> Void = { _ in }
    ) async throws {
        directory = "/tmp/imaging-" + String(UInt32.random(in: 0 ... .max), radix: 36)
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        try Self.makeDisk(source, size: size, seed: seed)
        try prepare(directory)
        if !arguments.isEmpty { try await serve(arguments) }
    }

    deinit {
        kill()
        try? FileManager.default.removeItem(atPath: directory)
    }

    private func serve(_ arguments: [String]) async throws {
        let words = arguments.map { $0.replacingOccurrences(of: "{dir}", with: directory) }
        let server = try Child(["nbdkit", "-f", "-P", directory + "/pid", "-U", directory + "/socket"] + words)
        self.server = server
        let end = Date() + 60
        while !FileManager.default.fileExists(atPath: directory + "/pid") {
            try #require(server.isRunning && Date() < end, "nbdkit did not start")
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Ends the server as a power cut would.
    func kill() { server?.kill() }

    /// An acquisition of this export.
    func acquisition(
        _ hashes: [HashAlgorithm] = [.sha256, .md5], uri: String? = nil, image: String? = nil, sizeBytes: UInt64? = nil,
        options: Acquisition.Options = Acquisition.Options(), sourceDigests: Acquisition.SourceDigests? = nil
    ) -> Acquisition {
        Acquisition(
            uri: uri ?? self.uri,
            source: SourceDescription(name: "evidence0", path: "/dev/host/evidence0", sizeBytes: sizeBytes),
            image: image ?? self.image, hashes: hashes, options: options, sourceDigests: sourceDigests)
    }

    /// The names in the directory that begin with the image's.
    var remains: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.filter { $0.hasPrefix("image.dd") }.sorted()
    }

    /// The same 8 MiB of noise in every run.
    private static let noise: [UInt8] = {
        var random = Seeded(state: 0)
        let words = (0..<1 << 20).map { _ in random.next() }
        return words.withUnsafeBytes { [UInt8]($0) }
    }()

    /// Stretches of random bytes, zero bytes that are written, and holes; each of odd length and place.
    static func makeDisk(_ path: String, size: Int, seed: UInt64) throws {
        var random = Seeded(state: seed)
        let descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC, 0o600)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        try #require(ftruncate(descriptor, off_t(size)) == 0)
        var position = 0
        while position < size {
            let limits = [4096, 70_000, 700_000, 5_000_000]
            let limit = limits[Int.random(in: 0..<4, using: &random)]
            let length = min(Int.random(in: 1...limit, using: &random), size - position)
            let kind = Int.random(in: 0..<4, using: &random)
            if kind < 2 {
                let start = Int.random(in: 0...noise.count - length, using: &random)
                let count = noise[start..<start + length].withUnsafeBytes {
                    pwrite(descriptor, $0.baseAddress, length, off_t(position))
                }
                try #require(count == length)
            } else if kind == 2 {
                let zeros = [UInt8](repeating: 0, count: length)
                try #require(pwrite(descriptor, zeros, length, off_t(position)) == length)
            }
            position += length
        }
    }
}

/// SplitMix64: the same numbers for the same seed, everywhere.
struct Seeded: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

/// A digest as coreutils computes it.
func coreutils(_ algorithm: HashAlgorithm, _ path: String) throws -> String {
    let output = "/tmp/imaging-sum-" + String(UInt32.random(in: 0 ... .max), radix: 36)
    defer { unlink(output) }
    try Child([algorithm.rawValue + "sum", path], output: output).wait()
    return String(try String(contentsOfFile: output, encoding: .utf8).prefix { $0 != " " })
}

func areEqual(_ one: String, _ other: String) throws -> Bool {
    FileManager.default.contentsEqual(atPath: one, andPath: other)
}

/// The `ScoutError` that a closure ends in; anything else is recorded as a fault of the test.
func scoutError(_ body: () async throws -> Void) async -> ScoutError? {
    do {
        try await body()
        Issue.record("nothing was thrown")
        return nil
    } catch let error as ScoutError {
        return error
    } catch {
        Issue.record("an error of another type: \(error)")
        return nil
    }
}

extension Acquisition {
    /// Runs without a spectator.
    func run() async throws -> Result { try await run(cancellation: Cancellation()) { _ in } }
}

func writeBytes(_ bytes: [UInt8], to path: String, at offset: Int) throws {
    let descriptor = open(path, O_WRONLY)
    try #require(descriptor >= 0)
    defer { close(descriptor) }
    try #require(pwrite(descriptor, bytes, bytes.count, off_t(offset)) == bytes.count)
}

/// Waits until something has come about, a minute at the most.
func eventually(_ what: String, _ condition: () -> Bool) async throws {
    let end = Date() + 60
    while !condition() {
        try #require(Date() < end, "\(what) did not come about")
        try await Task.sleep(for: .milliseconds(2))
    }
}

func allocatedBytes(_ path: String) -> Int {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_blocks) * 512 : 0
}
