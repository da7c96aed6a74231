import Glibc
import Platform
import Synchronization

/// A mode of a terminal that must not outlive its use, not even when a signal ends the process.
final class TerminalMode: Sendable {
    /// Signals that would end the process with the terminal in the changed mode.
    private static let fatal = [SIGHUP, SIGINT, SIGQUIT, SIGTERM]

    private let saved: SavedMode

    /// Changes the mode: `tcsetattr`.
    ///
    /// - Parameters:
    ///   - descriptor: an open terminal; must stay open until ``restore()``.
    ///   - change: what to change in the mode it has.
    /// - Returns: `nil` where the descriptor is no terminal, or too many changes are under way.
    init?(_ descriptor: CInt, change: (inout termios) -> Void) {
        var mode = termios()
        guard tcgetattr(descriptor, &mode) == 0,
            let saved = savedModes.first(where: { $0.take(descriptor, mode) })
        else { return nil }
        self.saved = saved
        change(&mode)
        // A signal that is ignored, or that somebody forwards, doesn't end the process. The handler may stay: with
        // nothing to restore it does what the system would.
        for signal in Self.fatal where SignalAction.current(signal).isStandard {
            SignalAction(restoreTerminalAndDie).install(for: signal)
        }
        tcsetattr(descriptor, TCSANOW, &mode)
    }

    /// Puts the mode back.
    func restore() {
        saved.restore()
        saved.isTaken.store(false, ordering: .releasing)
    }

    /// Raw, as for a remote terminal that does the echo and the line editing itself: `cfmakeraw`.
    static func raw(_ descriptor: CInt) -> TerminalMode? {
        TerminalMode(descriptor) { cfmakeraw(&$0) }
    }
}

/// What a signal handler needs to restore the terminals; made before the first handler is installed, as it can't.
private let savedModes = (0..<8).map { _ in SavedMode() }

private final class SavedMode: Sendable {
    let isTaken = Atomic(false)
    private let descriptor = Atomic<CInt>(-1)
    // Written only while `isTaken` is ours and `descriptor` is -1, read by the handler only while it is not.
    private nonisolated(unsafe) let mode = UnsafeMutablePointer<termios>.allocate(capacity: 1)

    func take(_ descriptor: CInt, _ mode: termios) -> Bool {
        guard isTaken.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged else {
            return false
        }
        self.mode.initialize(to: mode)
        self.descriptor.store(descriptor, ordering: .sequentiallyConsistent)
        return true
    }

    /// Safe in a signal handler: atomics, and `tcsetattr`.
    func restore() {
        let descriptor = descriptor.exchange(-1, ordering: .sequentiallyConsistent)
        if descriptor >= 0 { tcsetattr(descriptor, TCSANOW, mode) }
    }
}

private let restoreTerminalAndDie: @convention(c) (CInt) -> Void = { signal in
    for saved in savedModes { saved.restore() }
    SignalAction.standard.install(for: signal)
    raise(signal)
}
