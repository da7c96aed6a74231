import NBD
import Testing

@testable import Imaging

@Suite struct ExtentMapTests {
    private static let slot: UInt64 = 2 << 20

    /// Answers every question that the map asks, with at most a few extents at a time.
    private func answerAll(_ map: inout ExtentMap, from extents: [Extent], few: Int = .max) {
        while let question = map.nextQuestion() {
            let inside = extents.filter { $0.offset < question.upperBound && $0.end > question.lowerBound }.map {
                let start = max($0.offset, question.lowerBound)
                return Extent(
                    offset: start, length: min($0.end, question.upperBound) - start, isZero: $0.isZero)
            }
            map.answer(question, Array(inside.prefix(few)))
        }
    }

    /// Whatever the extents: no byte of data is left out, and what is left out is aligned.
    @Test(arguments: 1...20 as ClosedRange<UInt64>, [1, .max])
    func noDataIsLeftOut(seed: UInt64, few: Int) throws {
        var random = Seeded(state: seed)
        let size = UInt64.random(in: 1...20_000_000, using: &random)
        var extents: [Extent] = []
        var end: UInt64 = 0
        while end < size {
            let longest: UInt64 = Bool.random(using: &random) ? 1_000_000 : 5000
            let length = min(UInt64.random(in: 1...longest, using: &random), size - end)
            extents.append(Extent(offset: end, length: length, isZero: extents.last?.isZero != true))
            end += length
        }
        var map = ExtentMap(size: size, alignment: 4096, isDescribed: true)
        var position: UInt64 = 0
        var leftOut: UInt64 = 0
        while position < size {
            answerAll(&map, from: extents, few: few)
            let range = position..<min(position + Self.slot, size)
            let answer = map.dataParts(of: range)
            let parts = try #require(answer)
            var covered = range.lowerBound
            for part in parts + [range.upperBound..<range.upperBound] {
                #expect(part.lowerBound >= covered && part.upperBound <= range.upperBound)
                let gap = covered..<part.lowerBound
                covered = part.upperBound
                guard !gap.isEmpty else { continue }
                leftOut += UInt64(gap.count)
                for extent in extents where extent.offset < gap.upperBound && extent.end > gap.lowerBound {
                    #expect(extent.isZero, "data at \(extent.offset) is left out")
                }
                #expect(gap.lowerBound == range.lowerBound || gap.lowerBound.isMultiple(of: 4096))
                #expect(gap.upperBound == range.upperBound || gap.upperBound.isMultiple(of: 4096))
            }
            position = range.upperBound
        }
        let zeros = extents.filter { $0.isZero && $0.length > 100_000 }.reduce(0) { $0 + $1.length }
        #expect(leftOut >= zeros * 8 / 10)
    }

    @Test func waitsForAnswersAndAsksAhead() {
        var map = ExtentMap(size: 10 << 30, alignment: 4096, isDescribed: true)
        var questions: [Range<UInt64>] = []
        while let question = map.nextQuestion() { questions.append(question) }
        #expect(questions.count == ExtentMap.windowsAhead)
        #expect(questions.map(\.lowerBound) == [0, 1 << 30, 2 << 30, 3 << 30])
        #expect(map.dataParts(of: 0..<Self.slot) == nil)
        map.answer(questions[0], [Extent(offset: 0, length: 1 << 30, isZero: true)])
        #expect(map.dataParts(of: 0..<Self.slot) == [])
        #expect(map.zeroEnd(from: 0) == 1 << 30)
    }

    /// A byte at a time would never end: the rest of a window is read without asking further.
    @Test func aServerThatTellsLittleIsNotAskedForEver() throws {
        var map = ExtentMap(size: ExtentMap.window, alignment: 4096, isDescribed: true)
        var questions = 0
        while let question = map.nextQuestion() {
            questions += 1
            try #require(questions <= ExtentMap.mostQuestions)
            map.answer(question, [Extent(offset: question.lowerBound, length: 1, isZero: true)])
        }
        #expect(questions == ExtentMap.mostQuestions)
        #expect(map.dataParts(of: 0..<Self.slot) == [0..<Self.slot])
    }

    @Test func anUnansweredOrUndescribedRangeIsData() throws {
        var map = ExtentMap(size: 5 << 20, alignment: 4096, isDescribed: true)
        let question = map.nextQuestion()
        map.answer(try #require(question), nil)
        #expect(map.dataParts(of: 0..<Self.slot) == [0..<Self.slot])
        var blind = ExtentMap(size: 5 << 20, alignment: 4096, isDescribed: false)
        #expect(blind.nextQuestion() == nil)
        #expect(blind.dataParts(of: 0..<Self.slot) == [0..<Self.slot])
        #expect(blind.zeroEnd(from: 0) == 0)
    }
}
