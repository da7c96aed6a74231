import Glibc

/// The signals that SSH has names for (RFC 4254, section 6.9).
public enum RemoteSignal: String, CaseIterable, Sendable {
    case abort = "ABRT"
    case alarm = "ALRM"
    case floatingPoint = "FPE"
    case hangup = "HUP"
    case illegalInstruction = "ILL"
    case interrupt = "INT"
    case kill = "KILL"
    case pipe = "PIPE"
    case quit = "QUIT"
    case segmentation = "SEGV"
    case terminate = "TERM"
    case user1 = "USR1"
    case user2 = "USR2"

    /// The signal's number on this side.
    public var number: Int32 {
        switch self {
        case .abort: SIGABRT
        case .alarm: SIGALRM
        case .floatingPoint: SIGFPE
        case .hangup: SIGHUP
        case .illegalInstruction: SIGILL
        case .interrupt: SIGINT
        case .kill: SIGKILL
        case .pipe: SIGPIPE
        case .quit: SIGQUIT
        case .segmentation: SIGSEGV
        case .terminate: SIGTERM
        case .user1: SIGUSR1
        case .user2: SIGUSR2
        }
    }

    /// - Parameter number: a signal's number on this side.
    public init?(number: Int32) {
        guard let signal = Self.allCases.first(where: { $0.number == number }) else { return nil }
        self = signal
    }
}
