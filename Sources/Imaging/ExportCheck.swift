public import Core
import NBD

/// Examines an export over a connection of its own, before its port is opened to anybody.
public enum ExportCheck {
    /// Negotiates as a client would, and compares what the server says with what it must say.
    ///
    /// - Parameters:
    ///   - socket: connected to the server; closed at the end.
    ///   - exportName: the export's name.
    ///   - key: the pre-shared key's user and file; TLS is required then.
    ///   - readOnly: whether the export must say that it is read-only.
    ///   - sizeBytes: the size it must have; `nil` where it is not known beforehand.
    /// - Throws: `ScoutError`: `io` where the server does not come up, `refused` where it would take writes,
    ///   `protocolViolation` where the size differs.
    ///
    /// Blocks the calling thread for 10 s at the most.
    public static func examine(
        socket: CInt, exportName: String, key: (user: String, file: String)?, readOnly: Bool, sizeBytes: Int64?
    ) throws(ScoutError) {
        let connection: Connection
        do {
            let security = key.map { TransportSecurity.psk(user: $0.user, keyFile: $0.file) } ?? .off
            connection = try Connection(socket: socket, exportName: exportName, security: security)
        } catch {
            throw ScoutError(.io, "the export does not answer: \(error.message)")
        }
        if readOnly, !connection.isReadOnly {
            throw ScoutError(.refused, "the export does not say that it is read-only")
        }
        if let sizeBytes, UInt64(exactly: sizeBytes) != connection.sizeBytes {
            throw ScoutError(
                .protocolViolation, "the export has \(connection.sizeBytes) bytes and the source \(sizeBytes)")
        }
    }
}
