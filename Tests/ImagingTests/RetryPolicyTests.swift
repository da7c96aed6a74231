import Glibc
import Testing

@testable import Imaging

/// What is done about failed reads, without a server.
@Suite struct RetryPolicyTests {
    private let policy = RetryPolicy(smallestRead: 512)

    /// Reads a disk with bad sectors as the reader does, and says what was read, what was not, and in how many reads.
    private func read(_ range: Range<UInt64>, bad: Set<UInt64>, policy: RetryPolicy) -> (
        good: [Range<UInt64>], bad: [Range<UInt64>], reads: Int
    ) {
        var good: [Range<UInt64>] = []
        var lost: [Range<UInt64>] = []
        var reads = 0
        var open: [(range: Range<UInt64>, retries: Int)] = [(range, 0)]
        while let (range, retries) = open.popLast() {
            reads += 1
            guard bad.contains(where: { range.overlaps($0..<$0 + 1) }) else {
                good.append(range)
                continue
            }
            switch policy.decision(for: range, retries: retries, code: EIO) {
            case .again: open.append((range, retries + 1))
            case .divided(let parts): open += parts.map { ($0, 0) }
            case .unreadable: lost.append(range)
            case .fail: Issue.record("a medium's error is no fault of the server's")
            }
        }
        return (good, lost, reads)
    }

    /// Whatever is bad: good and lost parts together are the whole, each bad byte is lost, and no good sector is.
    @Test(arguments: 1...20 as ClosedRange<UInt64>, [512, 1024, 4096, 65536] as [UInt64])
    func onlyTheSmallestBadPartsAreLost(seed: UInt64, smallest: UInt64) {
        var random = Seeded(state: seed)
        let start = UInt64.random(in: 0...1000, using: &random) * smallest
        let range = start..<start + UInt64.random(in: 1...2 << 20, using: &random)
        let bad = Set((0..<Int.random(in: 1...6, using: &random)).map { _ in UInt64.random(in: range, using: &random) })
        let found = read(range, bad: bad, policy: RetryPolicy(smallestRead: smallest))
        var position = range.lowerBound
        for part in (found.good + found.bad).sorted(by: { $0.lowerBound < $1.lowerBound }) {
            #expect(part.lowerBound == position)
            position = part.upperBound
        }
        #expect(position == range.upperBound)
        #expect(found.bad.allSatisfy { part in part.count <= Int(smallest) && bad.contains { part.contains($0) } })
        #expect(bad.allSatisfy { byte in found.bad.contains { $0.contains(byte) } })
    }

    /// Each failing read may cost the disk seconds.
    @Test func oneBadSectorCostsFewFailingReads() {
        let found = read(0..<2 << 20, bad: [1_000_000], policy: policy)
        #expect(found.bad == [999_936..<1_000_448])
        #expect(found.reads - found.good.count <= 6)
    }

    @Test(arguments: [ENOMEM, ESHUTDOWN, EPERM, EINVAL, EIO])
    func onlyAMediumsErrorBlamesASector(code: CInt) {
        let isMedium = [EIO, EINVAL].contains(code)
        for length in [512, 4096, 65536, 2 << 20] as [UInt64] {
            #expect(
                policy.decision(for: 0..<length, retries: 0, code: code) == .again || isMedium && length > 512,
                "\(length)")
            let second = policy.decision(for: 0..<length, retries: 1, code: code)
            #expect((second == .fail) == !isMedium, "\(length)")
        }
    }
}
