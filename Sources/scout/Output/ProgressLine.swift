import Imaging
import Synchronization

/// One line on a terminal's stderr that is written over: share, size, rate, time left.
///
/// May be called from any thread.
final class ProgressLine: Sendable {
    private struct State {
        var isShown = false
        var isFinished = false
        var last = ContinuousClock.now - .seconds(1)
    }

    private let console: Console
    private let isWanted: Bool
    private let state = Mutex(State())

    /// - Parameter output: a quiet one, and a stderr that is no terminal, want no line.
    init(_ output: Output) {
        console = output.console
        isWanted = !output.quiet && console.talksToATerminal
    }

    /// Shows how far the work has come; five times a second at the most.
    func show(_ progress: Progress) {
        guard isWanted else { return }
        state.withLock { state in
            let isLast = progress.doneBytes == progress.totalBytes
            guard !state.isFinished, isLast || ContinuousClock.now - state.last > .milliseconds(200) else { return }
            state.last = .now
            state.isShown = true
            console.paint(Self.text(progress))
        }
    }

    /// Ends the line, so that what follows starts on one of its own.
    func finish() {
        state.withLock { state in
            if state.isShown, !state.isFinished { console.talk("") }
            state.isFinished = true
        }
    }

    static func text(_ progress: Progress) -> String {
        let share = progress.totalBytes == 0 ? 100 : Double(progress.doneBytes) * 100 / Double(progress.totalBytes)
        let left = Double(progress.totalBytes - progress.doneBytes) / Double(max(progress.bytesPerSecond, 1))
        let done = Quantity.size(Int64(clamping: progress.doneBytes))
        let total = Quantity.size(Int64(clamping: progress.totalBytes))
        let rate = Quantity.size(Int64(clamping: progress.bytesPerSecond))
        let phase = progress.phase == .reading ? "reading  " : "verifying"
        return "\(phase) \(Quantity.tenths(share)) %  \(done) of \(total)  \(rate)/s  \(Quantity.clock(left)) left"
    }
}
