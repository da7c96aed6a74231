import CLibNBD
import Glibc

/// A range of an export of one kind, as the server's `base:allocation` context describes it.
public struct Extent: Hashable, Sendable {
    /// Where the range begins, in bytes from the start of the export.
    public let offset: UInt64
    /// How long it is, in bytes; never 0.
    public let length: UInt64
    /// Whether the server says that it reads as zeros (`NBD_STATE_ZERO`). A hole without this promise is data.
    public let isZero: Bool

    /// - Parameters:
    ///   - offset: bytes from the start of the export.
    ///   - length: bytes, not 0.
    ///   - isZero: whether it reads as zeros.
    public init(offset: UInt64, length: UInt64, isZero: Bool) {
        self.offset = offset
        self.length = length
        self.isZero = isZero
    }

    /// The first byte after the range.
    public var end: UInt64 { offset + length }

    /// Reads the answer to a block status request, and believes nothing that the protocol forbids.
    ///
    /// - Parameters:
    ///   - entries: pairs of length and flags, in host byte order.
    ///   - start: where the request began.
    ///   - count: how much was asked for; the last extent may reach further and is cut there.
    ///   - shortestZeros: shorter ranges of zeros are taken for data, which they may always be.
    /// - Returns: the extents from `start` on, without a gap, neighbours of one kind merged; `nil` where the answer is
    ///   empty, odd, has a length of 0, or goes on after the end of the request.
    static func parse(
        _ entries: UnsafeBufferPointer<UInt32>, from start: UInt64, count: UInt64, shortestZeros: UInt64 = 0
    ) -> [Extent]? {
        guard entries.count >= 2, entries.count.isMultiple(of: 2) else { return nil }
        var extents: [Extent] = []
        func add(_ run: Extent) {
            let isZero = run.isZero && run.length >= shortestZeros
            if let last = extents.last, last.isZero == isZero {
                extents[extents.count - 1] = Extent(
                    offset: last.offset, length: last.length + run.length, isZero: isZero)
            } else {
                extents.append(Extent(offset: run.offset, length: run.length, isZero: isZero))
            }
        }
        var run: Extent?
        var position = start
        let end = start + count
        for index in stride(from: 0, to: entries.count, by: 2) {
            guard entries[index] > 0, position < end else { return nil }
            let length = min(UInt64(entries[index]), end - position)
            let isZero = entries[index + 1] & UInt32(LIBNBD_STATE_ZERO) != 0
            if let current = run, current.isZero == isZero {
                run = Extent(offset: current.offset, length: current.length + length, isZero: isZero)
            } else {
                if let current = run { add(current) }
                run = Extent(offset: position, length: length, isZero: isZero)
            }
            position += length
        }
        if let run { add(run) }
        return extents
    }
}
