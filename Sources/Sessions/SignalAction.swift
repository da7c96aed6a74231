import Glibc

/// What a process does on a signal: a `sigaction` that can be compared by its handler.
public struct SignalAction: Sendable {
    private var action = sigaction()

    /// A handler that lets interrupted calls go on: `SA_RESTART`.
    init(_ handler: @escaping @convention(c) (CInt) -> Void) {
        action.__sigaction_handler.sa_handler = handler
        action.sa_flags = SA_RESTART
    }

    private init(rawHandler: Int) {
        withUnsafeMutableBytes(of: &action.__sigaction_handler) { $0.storeBytes(of: rawHandler, as: Int.self) }
    }

    /// What the system does by itself: `SIG_DFL`.
    static var standard: SignalAction { SignalAction(rawHandler: 0) }
    /// Nothing: `SIG_IGN`.
    static var ignored: SignalAction { SignalAction(rawHandler: 1) }

    /// What the process does on a signal now.
    public static func current(_ signal: CInt) -> SignalAction {
        var now = SignalAction.standard
        sigaction(signal, nil, &now.action)
        return now
    }

    /// Whether the process ignores a signal now.
    public static func isIgnored(_ signal: CInt) -> Bool { current(signal) == .ignored }

    /// Makes it what the process does on a signal.
    public func install(for signal: CInt) {
        var action = action
        sigaction(signal, &action, nil)
    }
}

extension SignalAction: Equatable {
    /// Whether they do the same.
    public static func == (one: SignalAction, other: SignalAction) -> Bool { one.handler == other.handler }

    /// As a number: Swift can't compare functions, and the two constants are none.
    private var handler: Int { withUnsafeBytes(of: action.__sigaction_handler) { $0.loadUnaligned(as: Int.self) } }
}
