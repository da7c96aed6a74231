import Core
import Glibc
import Platform

/// Listens to what a request brings back: what the account's shell prints, the line that nobody can foresee, frames, and
/// what follows the answer. Used on one thread, which it blocks.
struct AnswerListener<Answer: Report> {
    /// What came of listening.
    enum Heard: Sendable {
        /// The answer, and what the shell had printed before.
        case answer(Answer, noise: [UInt8])
        /// The answer is none, or is the container's own error.
        case failure(ScoutError)
        /// The command has ended without an answer: in the middle of a frame, or without any.
        case end(isTruncated: Bool)
        /// The shell has ended, and has not come to the command.
        case shellEnd
        /// The shell prints without an end.
        case shellFlood
        /// The shell has not come to the command in time.
        case shellWaits
        /// There was no answer in time, or no sign of life.
        case silence(Duration)
        /// Nobody wants the answer any more.
        case cancelled
    }

    /// How long it may take, and how long it may say nothing meanwhile; in time in which this process was awake.
    struct Patience: Sendable {
        let whole: Duration
        var silence: Duration?
    }

    let command: RemoteCommand
    let output: ExchangePipe
    let errors: ExchangePipe
    /// Its end ends the listening.
    let stop: ExchangePipe

    /// What the shell has printed, and the command behind it where it is no frame.
    private(set) var stray: [UInt8] = []
    /// The end of what it has written to its standard error.
    private(set) var errorText: [UInt8] = []
    private var errorsAreOpen = true

    init(command: RemoteCommand, output: ExchangePipe, errors: ExchangePipe, stop: ExchangePipe) {
        self.command = command
        self.output = output
        self.errors = errors
        self.stop = stop
    }

    /// A process that was stopped, or a machine that slept, heard nobody in that time and may blame nobody for it: no lap
    /// counts for more than this thread ever waits at a time.
    private static var longestLap: Duration { .seconds(1) }

    /// Listens until there is an answer, or won't be one.
    mutating func listen(_ reader: AnswerReader<Answer>, _ patience: Patience) -> Heard {
        var reader = reader
        var noise: [UInt8]?
        var (awake, quiet) = (Duration.zero, Duration.zero)
        var last = ContinuousClock.now
        while true {
            let left = min(patience.whole - awake, (patience.silence ?? .seconds(1)) - quiet, Self.longestLap)
            wait(left)
            let now = ContinuousClock.now
            let lap = min(now - last, Self.longestLap)
            last = now
            (awake, quiet) = (awake + lap, quiet + lap)
            if stop.read() != nil { return .cancelled }
            readErrors()
            guard var piece = output.read() else {
                // Looked for also when the time is over: what came while this process was stopped has come in time.
                if awake >= patience.whole { return noise == nil ? .shellWaits : .silence(patience.whole) }
                if let silence = patience.silence, quiet >= silence {
                    return noise == nil ? .shellWaits : .silence(silence)
                }
                continue
            }
            quiet = .zero
            if piece.isEmpty {
                while errorsAreOpen, readErrors() {}
                if noise == nil { return .shellEnd }
                return .end(isTruncated: !reader.rest.allSatisfy { $0 == 0x0a || $0 == 0x20 })
            }
            if noise == nil {
                stray += piece
                guard let (before, start) = command.beginning(in: stray, from: stray.count - piece.count) else {
                    if stray.count > AnswerBounds.bytes { return .shellFlood }
                    continue
                }
                noise = Array(before)
                piece = Array(stray[start...])
                stray = []
            }
            do throws(ScoutError) {
                if let answer = try reader.take(piece, after: awake) {
                    stray = reader.rest
                    return .answer(answer, noise: noise ?? [])
                }
            } catch {
                return .failure(error)
            }
        }
    }

    /// Takes what follows an answer, to the end of the command or for two seconds.
    ///
    /// - Returns: the end of it.
    mutating func drain() -> [UInt8] {
        let end = ContinuousClock.now + .seconds(2)
        var count = 0
        while ContinuousClock.now < end, count < AnswerBounds.bytes {
            wait(end - .now)
            if stop.read() != nil { break }
            readErrors()
            guard let piece = output.read() else { continue }
            if piece.isEmpty { break }
            count += piece.count
            stray = (stray + piece).suffix(4096)
        }
        return stray
    }

    /// - Returns: whether there was anything.
    @discardableResult
    private mutating func readErrors() -> Bool {
        guard errorsAreOpen, let piece = errors.read() else { return false }
        errorsAreOpen = !piece.isEmpty
        errorText = (errorText + piece).suffix(64 << 10)
        return errorsAreOpen
    }

    /// Until a pipe has something to say.
    private func wait(_ duration: Duration) {
        let pipes = [output, stop] + (errorsAreOpen ? [errors] : [])
        var polled = pipes.map { pollfd(fd: $0.readEnd, events: Int16(POLLIN), revents: 0) }
        // Whatever it returns, each pipe is looked at next.
        _ = poll(&polled, nfds_t(polled.count), duration.pollTimeout)
    }
}
