/// A range of the image.
public struct ByteRange: Codable, Hashable, Sendable {
    /// Bytes from the start of the image.
    public let offsetBytes: UInt64
    /// Bytes.
    public let lengthBytes: UInt64
}

/// How much of the source was read, and what stands for the rest. The three kinds add up to the image's size.
public struct Coverage: Codable, Hashable, Sendable {
    /// Bytes that the server sent.
    public var readBytes: UInt64
    /// Of these, bytes in whole blocks of 4096 that were zeros.
    public var readZeroBytes: UInt64
    /// Bytes that the server did not send, because it said that they are zeros. Nobody on this side has read them.
    public var promisedZeroBytes: UInt64
    /// How many separate ranges they are.
    public var promisedZeroRangeCount: Int
    /// The first of these ranges, 1000 at the most.
    public var promisedZeroRanges: [ByteRange]
    /// Bytes that could not be read; `badRanges` lists them.
    public var unreadableBytes: UInt64
}

/// Collects the ranges that a server only promised to be zeros, in the order of the image.
struct PromisedZeros {
    static let mostRanges = 1000

    private(set) var bytes: UInt64 = 0
    private(set) var count = 0
    private(set) var first: [ByteRange] = []
    private var last: Range<UInt64>?

    mutating func add(_ range: Range<UInt64>) {
        guard !range.isEmpty else { return }
        bytes += UInt64(range.count)
        if let last, last.upperBound == range.lowerBound {
            self.last = last.lowerBound..<range.upperBound
        } else {
            last = range
            count += 1
        }
        guard count <= Self.mostRanges, let last else { return }
        let whole = ByteRange(offsetBytes: last.lowerBound, lengthBytes: last.upperBound - last.lowerBound)
        if first.count == count { first[count - 1] = whole } else { first.append(whole) }
    }
}
