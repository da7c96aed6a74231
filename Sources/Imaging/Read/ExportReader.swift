import Core
import Glibc
import NBD

/// Reads an export from its start to its end over several connections, and publishes it in order.
///
/// Belongs, with its connections, to the thread that calls `run`.
final class ExportReader {
    /// A stretch that is being read: it is published when none of its parts is missing and all before it are out.
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

    /// The parts that a range is divided into when it cannot be read whole. Wide steps keep the number of failing
    /// reads small, for each may cost the disk seconds.
    private static let steps: [UInt64] = [64 << 10, 4 << 10]
    /// Errors that a disk can be the cause of. nbdkit says `EINVAL` for what has no word in the protocol.
    private static let mediumErrors: Set<CInt> = [EIO, EINVAL]
    private static let longestZeros: UInt64 = 64 << 20
    private static let mostSlots = 64

    private let group: ConnectionGroup
    private let ring: Ring
    private let cancellation: Cancellation
    private let size: UInt64
    private let budget: Int
    private let longestRead: UInt64
    private let smallestRead: UInt64

    private var map: ExtentMap
    private var meter: ProgressMeter
    private var position: UInt64 = 0
    private var open: [Slot] = []
    private var questions: [Int: Range<UInt64>] = [:]
    private var pieces: [Int: Piece] = [:]
    private var bytesInFlight = 0
    private var lastToken = 0

    /// What the server answered with errors, complete when `run` has returned.
    private(set) var errors = ReadErrorLog()
    /// What the server only promised, complete when `run` has returned.
    private(set) var promised = PromisedZeros()

    /// Data bytes received so far.
    var wireBytes: UInt64 { group.connections.reduce(0) { $0 + $1.receivedBytes } }

    /// - Parameters:
    ///   - connections: at least one, all to the same export.
    ///   - ring: where chunks go.
    ///   - budget: bytes that may be asked for and not yet received.
    ///   - inactivityTimeout: how long a connection may bring no byte.
    init(
        _ connections: [Connection], ring: Ring, budget: Int, inactivityTimeout: Duration, cancellation: Cancellation,
        progress: @escaping (Progress) -> Void
    ) {
        group = ConnectionGroup(connections, inactivityTimeout: inactivityTimeout)
        self.ring = ring
        self.cancellation = cancellation
        self.budget = budget
        size = connections.map(\.sizeBytes).min() ?? 0
        smallestRead = UInt64(connections.map { max($0.blockSize.minimum, 512) }.max() ?? 512)
        let longest = UInt64(connections.map(\.blockSize.maximum).min() ?? (32 << 20))
        longestRead = max(longest & ~(smallestRead - 1), smallestRead)
        let alignment = max(UInt64(ImageWriter.block), smallestRead)
        map = ExtentMap(size: size, alignment: alignment, isDescribed: connections.allSatisfy(\.hasBlockStatus))
        meter = ProgressMeter(.reading, totalBytes: size, report: progress)
    }

    /// Reads everything; returns when the consumers are done with the last chunk.
    ///
    /// - Throws: `ScoutError`: `unreachable` for a lost connection, `interrupted`, or what a consumer failed with.
    func run() throws(ScoutError) {
        while position < size || !open.isEmpty {
            try cancellation.check()
            try ring.check()
            do throws(NBDError) {
                try ask()
                try plan()
                publish()
                meter.update(doneBytes: ring.doneBytes, wireBytes: wireBytes)
                if position == size, open.isEmpty { break }
                let replies = try group.wait(
                    wake: [ring.wake.descriptor, cancellation.wake.descriptor], timeout: .milliseconds(200))
                ring.wake.drain()
                for reply in replies { try take(reply) }
            } catch {
                try cancellation.check()
                throw ScoutError(error, at: position)
            }
        }
        ring.finish()
        // The server has done its part: that it leaves now is no loss.
        while !ring.isDrained {
            try ring.wait(cancellation)
            meter.update(doneBytes: ring.doneBytes, wireBytes: wireBytes)
        }
        try ring.check()
        meter.update(doneBytes: size, wireBytes: wireBytes, isLast: true)
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

    private func plan() throws(NBDError) {
        while position < size, bytesInFlight < budget, open.count < Self.mostSlots {
            let end = min(position + UInt64(ring.pool.bufferSize), size)
            guard let parts = map.dataParts(of: position..<end) else { return }
            if parts.isEmpty {
                let zeros = min(map.zeroEnd(from: position), position + Self.longestZeros)
                let whole = zeros == size ? size : zeros / UInt64(ring.pool.bufferSize) * UInt64(ring.pool.bufferSize)
                let zeroEnd = max(end, whole)
                let slot = Slot(Chunk(offset: position, length: Int(zeroEnd - position), buffer: nil))
                slot.promised = [position..<zeroEnd]
                open.append(slot)
                position = zeroEnd
            } else {
                guard let buffer = ring.takeBuffer() else { return }
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
            promise(slot, filled..<part.lowerBound)
            filled = part.upperBound
            for range in Self.divide(part, by: longestRead) { try send(Piece(slot: slot, range: range)) }
        }
        promise(slot, filled..<slot.chunk.offset + UInt64(slot.chunk.length))
    }

    private func promise(_ slot: Slot, _ range: Range<UInt64>) {
        guard !range.isEmpty else { return }
        fill(slot, range)
        slot.promised.append(range)
    }

    private func send(_ piece: Piece) throws(NBDError) {
        lastToken += 1
        pieces[lastToken] = piece
        piece.slot.missing += 1
        bytesInFlight += piece.length
        try leastBusy.startRead(
            into: bytes(piece.slot, piece.range), at: piece.range.lowerBound, token: lastToken, owner: ring.pool)
    }

    private func publish() {
        var count = 0
        while count < open.count, open[count].missing == 0 {
            let slot = open[count]
            slot.promised.sort { $0.lowerBound < $1.lowerBound }
            guard ring.publish(slot.tellingUnread) else { break }
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

    /// Tries a failed read again, then in parts, and gives a smallest part up.
    private func retry(_ piece: Piece, after error: NBDError) throws(NBDError) {
        let length = UInt64(piece.length)
        let isWhole = length > Self.steps[0] || length <= smallestRead
        if piece.retries == 0, isWhole || !Self.mediumErrors.contains(error.code) {
            try send(Piece(slot: piece.slot, range: piece.range, retries: 1, code: error.code))
            return
        }
        // The server lives, but what it says is about itself and not about the disk: no sector may be blamed.
        guard Self.mediumErrors.contains(error.code) else { throw error }
        guard length > smallestRead else {
            fill(piece.slot, piece.range)
            piece.slot.unreadable.append(piece.range)
            note(piece.range, .unreadable, code: error.code, retries: piece.retries)
            return
        }
        if piece.retries > 0 { note(piece.range, .divided, code: error.code, retries: piece.retries) }
        let step = Self.steps.first { $0 < length && $0 > smallestRead } ?? smallestRead
        for range in Self.divide(piece.range, by: step) { try send(Piece(slot: piece.slot, range: range)) }
    }

    private func note(_ range: Range<UInt64>, _ outcome: ReadErrorRecord.Outcome, code: CInt, retries: Int) {
        do throws(ScoutError) {
            try errors.add(range, outcome, code: code, retries: retries)
        } catch {
            ring.fail(error)
        }
    }

    private var leastBusy: Connection {
        group.connections.min { $0.inFlight < $1.inFlight } ?? group.connections[0]
    }

    private func bytes(_ slot: Slot, _ range: Range<UInt64>) -> UnsafeMutableRawBufferPointer {
        let start = Int(range.lowerBound - slot.chunk.offset)
        return UnsafeMutableRawBufferPointer(
            rebasing: ring.pool[slot.chunk.buffer ?? 0][start..<start + Int(range.upperBound - range.lowerBound)])
    }

    private func fill(_ slot: Slot, _ range: Range<UInt64>) {
        guard !range.isEmpty, let base = bytes(slot, range).baseAddress else { return }
        memset(base, 0, range.count)
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

extension ScoutError {
    /// An NBD failure in the user's words.
    ///
    /// - Parameter position: how many bytes had been asked for; `nil` while connecting.
    init(_ error: NBDError, at position: UInt64? = nil) {
        let place = position.map { " near byte \($0)" } ?? ""
        let what = "\(error.message)\(place)"
        switch error.kind {
        case .usage:
            self.init(.usage, what)
        case .connect, .timedOut:
            self.init(
                .unreachable, "cannot reach the export: \(what)",
                hint: "check that the export is still served: scout ports")
        case .tls:
            self.init(
                .refused, "the export's server and this key do not agree on TLS: \(what)",
                hint: "serve the export again, and use the URI it prints")
        case .unauthenticated:
            self.init(
                .refused, what,
                hint: "name the key file: nbds://USER@HOST:PORT/NAME?tls-psk-file=FILE, as 'scout serve' prints")
        case .connectionLost:
            self.init(
                .unreachable, "the connection to the source was lost\(place): \(error.message)",
                hint: "check the link with 'scout doctor', then acquire again")
        case .serverError:
            self.init(.io, "the server cannot read the source: \(what)")
        case .protocolViolation:
            self.init(.protocolViolation, "the server breaks the NBD protocol: \(what)")
        case .interrupted:
            self.init(.interrupted, "interrupted")
        }
    }
}
