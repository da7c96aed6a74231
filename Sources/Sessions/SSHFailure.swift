import Core
import Glibc
import SSH

extension ScoutError {
    /// The error of an SSH operation in the user's words.
    init(_ error: any Error, session: Session) {
        self.init(error, host: session.host, isLoggingIn: false)
    }

    /// - Parameters:
    ///   - error: an `SSHError`, a `ScoutError`, or a cancellation.
    ///   - host: who the operation was with.
    ///   - isLoggingIn: whether it was part of logging in, when the end of the connection is a refusal.
    init(_ error: any Error, host: String, isLoggingIn: Bool) {
        if let error = ScoutError.known(error) {
            self = error
            return
        }
        guard let error = error as? SSHError else {
            if error is CancellationError {
                self.init(.interrupted, "interrupted")
            } else {
                self.init(.failed, "\(host): \(error)")
            }
            return
        }
        switch error.kind {
        case .deadline where !isLoggingIn:
            // The link is there: somebody at the other end does not answer.
            self.init(.unreachable, "\(host): \(error)", hint: "try again; if it stays so, the machine there is stuck")
        case .linkLost, .deadline:
            self.init(.unreachable, "\(host): \(error)", hint: "check that the VPN is up")
        case .disconnected where isLoggingIn:
            self.init(.refused, "\(host): \(error)", hint: "name the right key with --identity FILE")
        case .disconnected:
            self.init(.unreachable, "\(host): \(error)")
        case .denied:
            let hint = isLoggingIn ? "name the right key with --identity FILE, or add it to the agent" : nil
            self.init(.refused, "\(host): \(error)", hint: hint)
        case .protocolFailure, .tooMuchOutput:
            self.init(.protocolViolation, "\(host): \(error)")
        case .local:
            self.init(.io, "\(error)")
        case .closed:
            self.init(.interrupted, "\(host): \(error)")
        case .other:
            self.init(.failed, "\(host): \(error) (libssh's code \(error.code))")
        }
    }
}
