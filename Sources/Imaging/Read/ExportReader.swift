import Core
import Glibc
import NBD
import Platform

/// Reads an export from its start to its end over several connections.
///
/// Belongs, with its connections, to the thread that calls `produce`.
final class ExportReader: Producer {
    /// A range that is being read: it is published when none of its parts is missing and all before it are out.
    private final class Slot {
        let chunk: Chunk
        var missing = 0
        /// What the server only promised to be zeros.
        var promised: [Range<UInt64>] = []
        /// What could not be read.
        var unreadable: [Range<UInt64>] = []
        init(_ chunk: Chunk) { self.chunk = chunk }

        /// The chunk, with the parts of its buffer that hold zeros in place of what was read.
        var tellingUnread: Chunk {
            guard chunk.buffer != nil, !(promised.isEmpty && unreadable.isEmpty) else { return chunk }
            var chunk = chunk
            chunk.unread = (promised + unreadable).map {
                Int($0.lowerBound - chunk.offset)..<Int($0.upperBound - chunk.offset)
            }
            return chunk
        }
    }

    /// One request for a part of a slot.
    private struct Piece {
        let slot: Slot
        let range: Range<UInt64>
        var retries = 0
        /// The error of the first try.
        var code: CInt = 0
        var length: Int { Int(range.upperBound - range.lowerBound) }
    }

    private static let longestZeros: UInt64 = 64 << 20
    private static let mostSlots = 64

    private let group: ConnectionGroup
    private let budget: Int
    private let longestRead: UInt64
    private let policy: RetryPolicy
    private let report: (ReadErrorRecord) -> Void

    private var map: ExtentMap
    private var position: UInt64 = 0
    private var open: [Slot] = []
    private var questions: [Int: Range<UInt64>] = [:]
    private var pieces: [Int: Piece] = [:]
    private var bytesInFlight = 0
    private var lastToken = 0
    /// Why the work has to end, though the server is not to blame.
    private var failure: ScoutError?

    let sizeBytes: UInt64
    /// What the server answered with errors, complete when `produce` has returned.
    private(set) var errors = ReadErrorLog()
    /// What the server only promised, complete when `produce` has returned.
    private(set) var promised = PromisedZeros()

    /// - Parameters:
    ///   - connections: at least one, all to the same export.
    ///   - budget: bytes that may be asked for and not yet received.
    ///   - inactivityTimeout: how long a connection may bring no byte.
    ///   - report: told of each read that was answered with an error, when it is known how that ended.
    init(
        _ connections: [Connection], budget: Int, inactivityTimeout: Duration,
        report: @escaping (ReadErrorRecord) -> Void
    ) {
        group = ConnectionGroup(connections, inactivityTimeout: inactivityTimeout)
        self.budget = budget
        self.report = report
        sizeBytes = connections.map(\.sizeBytes).min() ?? 0
        let smallest = UInt64(connections.map { max($0.blockSize.minimum, 512) }.max() ?? 512)
        policy = RetryPolicy(smallestRead: smallest)
        let longest = UInt64(connections.map(\.blockSize.maximum).min() ?? (32 << 20))
        longestRead = max(longest & ~(smallest - 1), smallest)
        let alignment = max(UInt64(ImageWriter.block), smallest)
        map = ExtentMap(size: sizeBytes, alignment: alignment, isDescribed: connections.allSatisfy(\.hasBlockStatus))
    }

    /// Reads everything.
    ///
    /// - Throws: `ScoutError`: `unreachable` for a lost connection, `io`, `protocolViolation`, or what `feed` threw.
    func produce(into feed: Feed) throws(ScoutError) {
        while position < sizeBytes || !open.isEmpty {
            feed.receivedBytes = group.connections.reduce(0) { $0 + $1.receivedBytes }
            try feed.check()
            if let failure { throw failure }
            do throws(NBDError) {
                try ask()
                try plan(feed)
                publish(feed)
                if position == sizeBytes, open.isEmpty { return }
                let replies = try group.wait(wake: feed.wakeDescriptors, timeout: .milliseconds(200))
                for reply in replies { try take(reply) }
            } catch {
                try feed.check()
                throw ScoutError(error, at: position)
            }
        }
    }

    private func ask() throws(NBDError) {
        while let question = map.nextQuestion() {
            let count = UInt32(question.upperBound - question.lowerBound)
            lastToken += 1
            questions[lastToken] = question
            // One connection is enough, and the memory that an answer may take is needed once.
            try group.connections[0].startBlockStatus(
                at: question.lowerBound, count: count, shortestZeros: ExtentMap.shortestHole, token: lastToken)
        }
    }

    private func plan(_ feed: Feed) throws(NBDError) {
        let bufferSize = UInt64(feed.bufferSize)
        while position < sizeBytes, bytesInFlight < budget, open.count < Self.mostSlots {
            let end = min(position + bufferSize, sizeBytes)
            guard let parts = map.dataParts(of: position..<end) else { return }
            if parts.isEmpty {
                let zeros = min(map.zeroEnd(from: position), position + Self.longestZeros)
                let whole = zeros == sizeBytes ? sizeBytes : zeros / bufferSize * bufferSize
                let zeroEnd = max(end, whole)
                let slot = Slot(Chunk(offset: position, length: Int(zeroEnd - position), buffer: nil))
                slot.promised = [position..<zeroEnd]
                open.append(slot)
                position = zeroEnd
            } else {
                guard let buffer = feed.takeBuffer() else { return }
                let slot = Slot(Chunk(offset: position, length: Int(end - position), buffer: buffer))
                open.append(slot)
                position = end
                try read(parts, into: slot)
            }
        }
    }

    private func read(_ parts: [Range<UInt64>], into slot: Slot) throws(NBDError) {
        var filled = slot.chunk.offset
        for part in parts {
            addPromisedZeros(slot, filled..<part.lowerBound)
            filled = part.upperBound
            for range in RetryPolicy.divide(part, by: longestRead) { try send(Piece(slot: slot, range: range)) }
        }
        addPromisedZeros(slot, filled..<slot.chunk.offset + UInt64(slot.chunk.length))
    }

    private func addPromisedZeros(_ slot: Slot, _ range: Range<UInt64>) {
        guard !range.isEmpty else { return }
        fill(slot, range)
        slot.promised.append(range)
    }

    private func send(_ piece: Piece) throws(NBDError) {
        guard let buffer = piece.slot.chunk.buffer else { return }
        lastToken += 1
        pieces[lastToken] = piece
        piece.slot.missing += 1
        bytesInFlight += piece.length
        try leastBusy.startRead(
            into: bytes(piece.slot, piece.range), at: piece.range.lowerBound, token: lastToken, owner: buffer.pool)
    }

    private func publish(_ feed: Feed) {
        var count = 0
        while count < open.count, open[count].missing == 0 {
            let slot = open[count]
            slot.promised.sort { $0.lowerBound < $1.lowerBound }
            guard feed.publish(slot.tellingUnread) else { break }
            for range in slot.promised { promised.add(range) }
            count += 1
        }
        open.removeFirst(count)
    }

    private func take(_ reply: Reply) throws(NBDError) {
        if let question = questions.removeValue(forKey: reply.token) {
            if case .extents(let extents) = reply.outcome {
                map.answer(question, extents)
            } else {
                map.answer(question, nil)
            }
        } else if let piece = pieces.removeValue(forKey: reply.token) {
            piece.slot.missing -= 1
            bytesInFlight -= piece.length
            if case .failed(let error) = reply.outcome {
                try retry(piece, after: error)
                return
            }
            if case .read(let holes) = reply.outcome { piece.slot.promised += holes }
            if piece.retries > 0 { note(piece.range, .recovered, code: piece.code, retries: piece.retries) }
        }
    }

    /// Does about a failed read what the policy says.
    private func retry(_ piece: Piece, after error: NBDError) throws(NBDError) {
        switch policy.decision(for: piece.range, retries: piece.retries, code: error.code) {
        case .again:
            try send(Piece(slot: piece.slot, range: piece.range, retries: piece.retries + 1, code: error.code))
        case .divided(let parts):
            if piece.retries > 0 { note(piece.range, .divided, code: error.code, retries: piece.retries) }
            for range in parts { try send(Piece(slot: piece.slot, range: range)) }
        case .unreadable:
            fill(piece.slot, piece.range)
            piece.slot.unreadable.append(piece.range)
            note(piece.range, .unreadable, code: error.code, retries: piece.retries)
        case .fail:
            throw error
        }
    }

    private func note(_ range: Range<UInt64>, _ outcome: ReadErrorRecord.Outcome, code: CInt, retries: Int) {
        report(ReadErrorRecord(range, outcome, code: code, retries: retries))
        do throws(ScoutError) {
            try errors.add(range, outcome, code: code, retries: retries)
        } catch {
            failure = error
        }
    }

    private var leastBusy: Connection {
        group.connections.min { $0.inFlight < $1.inFlight } ?? group.connections[0]
    }

    private func bytes(_ slot: Slot, _ range: Range<UInt64>) -> UnsafeMutableRawBufferPointer {
        guard let buffer = slot.chunk.buffer else { return UnsafeMutableRawBufferPointer(start: nil, count: 0) }
        let start = Int(range.lowerBound - slot.chunk.offset)
        return UnsafeMutableRawBufferPointer(
            rebasing: buffer.bytes[start..<start + Int(range.upperBound - range.lowerBound)])
    }

    private func fill(_ slot: Slot, _ range: Range<UInt64>) {
        guard let base = bytes(slot, range).baseAddress else { return }
        memset(base, 0, range.count)
    }
}
