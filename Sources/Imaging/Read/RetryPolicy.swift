import Glibc

/// What is done about a read that the server answered with an error: once more, then in parts, then zeros in its place.
struct RetryPolicy {
    /// What follows a failed read.
    enum Decision: Hashable {
        /// The same read once more.
        case again
        /// Smaller reads, which together cover the failed one.
        case divided([Range<UInt64>])
        /// The smallest part has failed: it cannot be read.
        case unreadable
        /// The server lives, but what it says is about itself and not about the disk: no sector may be blamed.
        case fail
    }

    /// The parts that a range is divided into when it cannot be read whole. Wide steps keep the number of failing
    /// reads small, for each may cost the disk seconds.
    private static let steps: [UInt64] = [64 << 10, 4 << 10]
    /// Errors that a disk can be the cause of. nbdkit says `EINVAL` for what has no word in the protocol.
    private static let mediumErrors: Set<CInt> = [EIO, EINVAL]

    /// The smallest part that is asked for by itself, in bytes.
    let smallestRead: UInt64

    /// - Parameters:
    ///   - range: what was asked for.
    ///   - retries: how often it was asked for again before.
    ///   - code: the `errno` that the server answered with.
    func decision(for range: Range<UInt64>, retries: Int, code: CInt) -> Decision {
        let length = range.upperBound - range.lowerBound
        // Parts of a failed read get their second try as the next smaller parts.
        let isTriedTwice = length > Self.steps[0] || length <= smallestRead
        let isMedium = Self.mediumErrors.contains(code)
        if retries == 0, isTriedTwice || !isMedium { return .again }
        guard isMedium else { return .fail }
        guard length > smallestRead else { return .unreadable }
        let step = Self.steps.first { $0 < length && $0 > smallestRead } ?? smallestRead
        return .divided(Self.divide(range, by: step))
    }

    /// Cuts a range at the multiples of a step.
    static func divide(_ range: Range<UInt64>, by step: UInt64) -> [Range<UInt64>] {
        var parts: [Range<UInt64>] = []
        var start = range.lowerBound
        while start < range.upperBound {
            let end = min((start / step + 1) * step, range.upperBound)
            parts.append(start..<end)
            start = end
        }
        return parts
    }
}
