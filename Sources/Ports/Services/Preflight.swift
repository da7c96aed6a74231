import Core
import Glibc
import NBD
import Platform

/// Tries an export on a connection of its own, before its port is opened to anybody: the server is started as it will be for
/// each client, and examined by the library that will read it.
struct Preflight {
    /// What is run for each client.
    let command: ServerCommand
    /// What it serves.
    let source: OpenSource
    /// The export's name.
    let exportName: String
    /// The file with the pre-shared key, where TLS is required.
    let keyFile: String?
    /// Whether the export must say that it is read-only.
    let readOnly: Bool
    /// The size it must say it has.
    let sizeBytes: Int64

    /// Starts a server, examines what it says, and ends it.
    ///
    /// - Parameter deadline: how long the server may take to come up and agree; 10 s by default.
    /// - Throws: `ScoutError`: `io` with nbdkit's own words where it gives any, or where it does not answer; `refused` where
    ///   it would take writes, `protocolViolation` where the size differs.
    ///
    /// Blocks the calling thread until the deadline, and a second more, at the most.
    func run(within deadline: Duration = .seconds(10)) throws(ScoutError) {
        var ends: [CInt] = [-1, -1]
        // Read without waiting: what the server has started may still hold the other end.
        let errors = try ScoutError.wrap(PipeEnds(nonblocking: .read))
        let kind = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else {
            let code = errno
            errors.close()
            throw ScoutError(.failed, "no socket pair: \(String(cString: strerror(code)))")
        }
        defer { close(errors.read) }
        let pid: pid_t
        do throws(ScoutError) {
            defer {
                close(ends[1])
                close(errors.write)
            }
            pid = try command.start(
                on: ends[1], errors: errors.write, source: source.descriptor, deathSignal: nil)
        } catch {
            close(ends[0])
            throw error
        }
        do throws(ScoutError) {
            defer { ChildProcess.end(pid) }
            try examine(ends[0], within: deadline)
        } catch {
            guard let complaint = Self.firstComplaint(in: errors.read) else { throw error }
            throw ScoutError(.io, "\(source.source.path) can't be exported: \(complaint)")
        }
    }

    /// Negotiates as a client would, and compares what the server says with what it must say.
    ///
    /// - Parameter socket: connected to the server; closed at the end.
    private func examine(_ socket: CInt, within deadline: Duration) throws(ScoutError) {
        let security = keyFile.map { TransportSecurity.psk(user: NBDServer.presharedKeyUser, keyFile: $0) } ?? .off
        let connection: Connection
        do throws(NBDError) {
            connection = try Connection(
                socket: socket, exportName: exportName, security: security, deadline: deadline)
        } catch {
            throw ScoutError(.io, "the export does not answer: \(error.message)")
        }
        if readOnly, !connection.isReadOnly {
            throw ScoutError(.refused, "the export does not say that it is read-only")
        }
        guard UInt64(exactly: sizeBytes) == connection.sizeBytes else {
            throw ScoutError(
                .protocolViolation, "the export has \(connection.sizeBytes) bytes and the source \(sizeBytes)")
        }
    }

    /// The first error that nbdkit wrote.
    private static func firstComplaint(in pipe: CInt) -> String? {
        var bytes = [UInt8](repeating: 0, count: 65536)
        let count = read(pipe, &bytes, bytes.count)
        let lines = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self).split(separator: "\n")
        guard let line = lines.first(where: { $0.contains("error:") }) else { return nil }
        return String(line.replacing("nbdkit: ", with: "").replacing("error: ", with: ""))
    }
}
