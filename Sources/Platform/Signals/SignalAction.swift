import CLinux
import Glibc

/// What a process does on a signal. The C function is `sigaction`.
public struct SignalAction: Sendable {
    private var action = sigaction()

    private init() {}

    /// A handler that lets interrupted calls go on where the system can: `SA_RESTART`.
    ///
    /// - Parameter handler: may call what signal-safety(7) lists, and nothing else.
    public init(_ handler: @escaping @convention(c) (CInt) -> Void) {
        action.__sigaction_handler.sa_handler = handler
        action.sa_flags = SA_RESTART
    }

    /// What the system does by itself: `SIG_DFL`.
    public static var standard: SignalAction {
        var standard = SignalAction()
        clinux_action_default(&standard.action)
        return standard
    }

    /// Nothing: `SIG_IGN`.
    public static var ignored: SignalAction {
        var ignored = SignalAction()
        clinux_action_ignore(&ignored.action)
        return ignored
    }

    /// What the process does on a signal now.
    public static func current(_ signal: CInt) -> SignalAction {
        var now = SignalAction.standard
        // A number that is no signal's has no action; what is left is the standard one.
        sigaction(signal, nil, &now.action)
        return now
    }

    /// Whether the process ignores a signal now.
    public static func isIgnored(_ signal: CInt) -> Bool { current(signal).isIgnored }

    /// Whether it is `SIG_IGN`.
    public var isIgnored: Bool { withUnsafePointer(to: action) { clinux_action_is_ignored($0) != 0 } }

    /// Whether it is `SIG_DFL`.
    public var isStandard: Bool { withUnsafePointer(to: action) { clinux_action_is_default($0) != 0 } }

    /// Makes it what the process does on a signal.
    ///
    /// - Returns: whether the signal can be handled: SIGKILL and SIGSTOP can't.
    @discardableResult
    public func install(for signal: CInt) -> Bool {
        var action = action
        return sigaction(signal, &action, nil) == 0
    }
}
