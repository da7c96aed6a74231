import Core
import NBD

/// What is known of the source's holes, and what to ask next.
///
/// The export is described window by window, several ahead of the reader and all at once, so that a sparse disk costs
/// no round trip per extent. An answer may end before its window does; the rest is asked for again.
struct ExtentMap {
    /// How much one question covers. A multiple of every buffer's size.
    static let window: UInt64 = 1 << 30
    /// How many questions are open or answered ahead of the reader.
    static let windowsAhead = 4
    /// Shorter zeros between data are read with it: a request of their own would cost more.
    static let shortestHole: UInt64 = 32 << 10

    private struct Window {
        let range: Range<UInt64>
        /// How far from the start of the window the answers reach.
        var known: UInt64
        var extents: [Extent] = []
        /// The extents before this one lie behind the reader.
        var cursor = 0
        var isAsked = false
        var questions = 1
    }

    /// How often one window is asked about. A server that tells less than 1 MiB at a time costs more than it spares, and
    /// one that tells a byte at a time would never end: the rest of the window is read then.
    static let mostQuestions = 1024

    private let size: UInt64
    /// Holes are shrunk to multiples of this, so that what is left to read starts and ends on it.
    private let alignment: UInt64
    private let isDescribed: Bool
    private var windows: [Window] = []
    private var nextWindow: UInt64 = 0

    /// - Parameters:
    ///   - size: the size of the export.
    ///   - alignment: what reads must be aligned to, a power of two.
    ///   - isDescribed: whether the server answers such questions; otherwise all is data.
    init(size: UInt64, alignment: UInt64, isDescribed: Bool) {
        self.size = size
        self.alignment = alignment
        self.isDescribed = isDescribed
    }

    /// The next question to ask, and marks it as asked; `nil` where there is none for now.
    mutating func nextQuestion() -> Range<UInt64>? {
        guard isDescribed else { return nil }
        if let index = windows.firstIndex(where: { !$0.isAsked && $0.known < $0.range.upperBound }) {
            windows[index].isAsked = true
            windows[index].questions += 1
            return windows[index].known..<windows[index].range.upperBound
        }
        guard windows.count < Self.windowsAhead, nextWindow < size else { return nil }
        let range = nextWindow..<min(nextWindow + Self.window, size)
        nextWindow = range.upperBound
        windows.append(Window(range: range, known: range.lowerBound, isAsked: true))
        return range
    }

    /// Takes the answer to a question.
    ///
    /// - Parameters:
    ///   - question: as `nextQuestion` gave it.
    ///   - extents: from the question's start on; `nil` where the server answered with an error, and all is data.
    mutating func answer(_ question: Range<UInt64>, _ extents: [Extent]?) {
        guard let index = windows.firstIndex(where: { $0.range.contains(question.lowerBound) }) else { return }
        var found = extents ?? []
        let end = found.last?.end ?? question.lowerBound
        if end < question.upperBound, found.isEmpty || windows[index].questions >= Self.mostQuestions {
            found.append(Extent(offset: end, length: question.upperBound - end, isZero: false))
        }
        windows[index].extents += found
        windows[index].known = found.last?.end ?? question.upperBound
        windows[index].isAsked = false
    }

    /// The parts of a range that must be read; the rest is zeros.
    ///
    /// - Parameter range: inside one window, and behind no range asked before.
    /// - Returns: in order, aligned, possibly empty; `nil` where the server has not answered for all of the range yet.
    mutating func dataParts(of range: Range<UInt64>) -> [Range<UInt64>]? {
        guard isDescribed else { return [range] }
        while let first = windows.first, first.range.upperBound <= range.lowerBound { windows.removeFirst() }
        guard let known = windows.first?.known, known >= range.upperBound else { return nil }
        while windows[0].cursor < windows[0].extents.count,
            windows[0].extents[windows[0].cursor].end <= range.lowerBound
        {
            windows[0].cursor += 1
        }

        var parts: [Range<UInt64>] = []
        var position = range.lowerBound
        for hole in holes(in: range) {
            if hole.lowerBound > position { parts.append(position..<hole.lowerBound) }
            position = hole.upperBound
        }
        if position < range.upperBound { parts.append(position..<range.upperBound) }
        return parts
    }

    /// How far zeros reach from a position on, as far as is known and inside one window.
    func zeroEnd(from position: UInt64) -> UInt64 {
        guard let window = windows.first(where: { $0.range.contains(position) }) else { return position }
        var end = position
        for extent in window.extents[window.cursor...] where extent.end > end {
            guard extent.isZero, extent.offset <= end else { break }
            end = extent.end
        }
        return end
    }

    /// The holes of a range that are worth leaving out, shrunk to the alignment except at the range's own ends.
    private func holes(in range: Range<UInt64>) -> [Range<UInt64>] {
        guard let window = windows.first else { return [] }
        var holes: [Range<UInt64>] = []
        for extent in window.extents[window.cursor...] {
            if extent.offset >= range.upperBound { break }
            guard extent.isZero else { continue }
            var start = (max(extent.offset, range.lowerBound) + alignment - 1) & ~(alignment - 1)
            if extent.offset <= range.lowerBound { start = range.lowerBound }
            let end = extent.end >= range.upperBound ? range.upperBound : extent.end & ~(alignment - 1)
            guard start < end, end - start >= Self.shortestHole || (start..<end) == range else { continue }
            holes.append(start..<end)
        }
        return holes
    }
}
