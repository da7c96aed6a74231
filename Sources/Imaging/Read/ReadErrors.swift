import Core
import Glibc

/// A range of the source that could not be read, and reads as zeros in the image.
public struct BadRange: Codable, Hashable, Sendable {
    /// Bytes from the start of the image.
    public let offsetBytes: UInt64
    /// Bytes.
    public let lengthBytes: UInt64
}

/// What happened to a range whose read was answered with an error.
public struct ReadErrorRecord: Codable, Hashable, Sendable {
    /// What became of the range.
    public enum Outcome: String, Codable, Hashable, Sendable {
        /// The second try read it whole.
        case recovered
        /// It failed twice, and was read again in smaller parts.
        case divided
        /// The smallest part failed as well, and zeros stand in its place.
        case unreadable
    }

    /// Bytes from the start of the image.
    public let offsetBytes: UInt64
    /// Bytes; neighbours with the same outcome are one record.
    public let lengthBytes: UInt64
    /// The system's number of the error that the server answered with.
    public let errno: Int
    /// The error in words.
    public let error: String
    /// How often each part was asked for again after its first failure.
    public let retries: Int
    /// What became of the range.
    public let outcome: Outcome

    init(_ range: Range<UInt64>, _ outcome: Outcome, code: CInt, retries: Int) {
        offsetBytes = range.lowerBound
        lengthBytes = range.upperBound - range.lowerBound
        errno = Int(code)
        error = String(cString: strerror(code))
        self.retries = retries
        self.outcome = outcome
    }
}

/// Collects read errors; its size depends on the number of separate ranges, not of reads.
struct ReadErrorLog {
    private struct Kind: Hashable {
        let outcome: ReadErrorRecord.Outcome
        let code: CInt
        let retries: Int
    }

    /// The most separate ranges that are kept; a manifest of more would be of no use, and a lying server's first aim.
    static let most = 100_000

    private var sets: [Kind: RangeSet<UInt64>] = [:]
    private var sinceCount = 0

    /// - Throws: `ScoutError` (`io`) where there are too many to keep.
    mutating func add(
        _ range: Range<UInt64>, _ outcome: ReadErrorRecord.Outcome, code: CInt, retries: Int
    ) throws(ScoutError) {
        sets[Kind(outcome: outcome, code: code, retries: retries), default: RangeSet()]
            .insert(contentsOf: range)
        sinceCount += 1
        guard sinceCount > Self.most / 10 else { return }
        sinceCount = 0
        guard sets.values.reduce(0, { $0 + $1.ranges.count }) <= Self.most else {
            throw ScoutError(
                .io, "the source has more than \(Self.most) separate ranges that cannot be read",
                hint: "image it with ddrescue at the source")
        }
    }

    /// How much could not be read: bytes, and separate ranges.
    var unreadable: (bytes: UInt64, ranges: Int) {
        let ranges = badRanges
        return (ranges.reduce(0) { $0 + $1.lengthBytes }, ranges.count)
    }

    /// The unreadable ranges, in order, neighbours merged.
    var badRanges: [BadRange] {
        var all = RangeSet<UInt64>()
        for (kind, set) in sets where kind.outcome == .unreadable { all.formUnion(set) }
        return all.ranges.map { BadRange(offsetBytes: $0.lowerBound, lengthBytes: $0.upperBound - $0.lowerBound) }
    }

    /// Everything, in the order of the image.
    var records: [ReadErrorRecord] {
        sets.flatMap { kind, set in
            set.ranges.map { ReadErrorRecord($0, kind.outcome, code: kind.code, retries: kind.retries) }
        }
        .sorted { ($0.offsetBytes, $0.lengthBytes) < ($1.offsetBytes, $1.lengthBytes) }
    }
}
