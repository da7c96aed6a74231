import Glibc
public import Platform
import SystemPackage

extension ScoutError {
    /// A failure of the operating system, in the user's words: with the code and the hint of its kind.
    public init(_ error: SystemError) {
        let (code, hint) = Self.remedy(error)
        self.init(code, error.message, hint: hint, errno: error.errno)
    }

    /// A failure of the operating system, with a code and a hint that its caller chooses.
    ///
    /// - Parameters:
    ///   - code: the kind of failure, which fixes the exit status.
    ///   - error: what went wrong.
    ///   - hint: the next thing to do.
    public init(_ code: Code, _ error: SystemError, hint: String? = nil) {
        self.init(code, error.message, hint: hint, errno: error.errno)
    }

    /// Makes a call to Platform, and tells its failure in the user's words.
    public static func wrap<Value>(
        _ call: @autoclosure () throws(SystemError) -> Value
    ) throws(ScoutError) -> Value {
        do throws(SystemError) { return try call() } catch { throw ScoutError(error) }
    }

    /// The error in the user's words, where it is one of ours or the operating system's; else `nil`.
    public static func known(_ error: any Error) -> ScoutError? {
        error as? ScoutError ?? (error as? SystemError).map { ScoutError($0) }
    }

    private static func remedy(_ error: SystemError) -> (Code, String?) {
        switch error.kind {
        case .io, .noThread: (.io, nil)
        case .cannotCreate: (.cannotCreate, nil)
        case .tooLarge: (.badData, nil)
        case .missing: (.noSource, nil)
        case .untrusted: (.refused, nil)
        case .foreignDirectory: (.refused, "set SCOUT_RUNTIME_DIR to a directory of your own")
        case .openToAll(let path): (.refused, "chmod o-w \(path), or choose another directory")
        case .notPlainFile: (.refused, "look at it, and remove it")
        case .socketPath:
            (.cannotCreate, "it must have 107 bytes at most: set SCOUT_RUNTIME_DIR to a shorter path")
        case .noDescriptor: (.io, "too many files are open: ulimit -n")
        case .cannotStart:
            (
                .failed,
                error.errno == .tooManyOpenFiles || error.errno == .invalidArgument
                    ? "'ulimit -n' shows how many files may be open: allow more" : nil
            )
        case .notReady: (.failed, nil)
        case .notPermitted: (.refused, nil)
        case .badPolicy: (.usage, nil)
        case .cannotDial:
            (
                .io,
                error.errno == .tooManyOpenFiles || error.errno == .tooManyOpenFilesInSystem
                    ? "too many files are open here: ulimit -n" : "look at this machine's own firewall and memory"
            )
        case .connectionRefused: (.unreachable, "check that the address and the port are right")
        case .noAnswer: (.unreachable, "check that the VPN is up and that the address is right")
        case .noRoute: (.unreachable, "check that the VPN is up")
        case .noInterface: (.unreachable, "ip -6 address shows its interfaces")
        case .needsInterface(let host):
            (.unreachable, "for example [\(host)%tap0]; ip -6 address shows the interfaces")
        case .unknownName: (.unreachable, "check the name, or give the address itself")
        case .silentResolver:
            (.unreachable, "give the address itself, or check the name server in /etc/resolv.conf")
        case .busy: (.busy, nil)
        case .badData: (.badData, nil)
        }
    }
}
