import Core
import NBD

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
                .refused, "the TLS handshake with the export's server failed: \(what)",
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
            self.init(.protocolViolation, "the server violates the NBD protocol: \(what)")
        case .interrupted:
            self.init(.interrupted, "interrupted")
        }
    }
}
