import Core
import Glibc
import NBD
import Platform

/// An export that an image is taken of, and the connections to it.
struct ExportConnections {
    let uri: NBDURI
    let connections: [Connection]
    /// Buffers that the pipeline should have: 16 MiB for a server on this machine, where more would only leave the
    /// processor's cache; 64 MiB for one at the end of a long line.
    let buffers: Int
    /// Bytes to keep in flight: half of the buffers.
    var budget: Int { buffers * Pipeline.bufferSize / 2 }

    /// Connects.
    ///
    /// - Parameters:
    ///   - text: the URI.
    ///   - wanted: how many connections; 1 where it is `nil`, which measured best near and far, except for a line that
    ///     loses packets. More than one only where the server promises that all see the same bytes.
    ///   - deadline: how long each connection may take.
    ///   - allowsHoles: whether the server may name zeros in place of sending them.
    /// - Throws: `ScoutError`: `refused` by the fence of `Dial` or for lack of TLS, `unreachable`, `interrupted`.
    init(
        _ text: String, connections wanted: Int?, deadline: Duration, allowsHoles: Bool,
        cancellation: Cancellation<ScoutError>
    ) throws(ScoutError) {
        let wake = cancellation.wake.descriptor
        let uri: NBDURI
        do throws(NBDError) {
            uri = try NBDURI(text)
        } catch {
            throw ScoutError(error)
        }
        self.uri = uri
        if case .tcp(let host, _) = uri.transport { try Dial.prepare(host, deadline: deadline) }
        do throws(NBDError) {
            func connect() throws(NBDError) -> Connection {
                try Connection(uri: uri, allowsHoles: allowsHoles, deadline: deadline, wake: wake)
            }
            let first = try connect()
            var list = [first]
            while first.canMultiConn, list.count < wanted ?? 1 {
                let next = try connect()
                guard next.sizeBytes == first.sizeBytes, next.isReadOnly == first.isReadOnly else {
                    throw NBDError(.protocolViolation, "connect", "two connections show different exports")
                }
                list.append(next)
            }
            connections = list
            buffers = Self.isNear(uri) ? 8 : 32
        } catch {
            try cancellation.check()
            throw ScoutError(error)
        }
    }

    var sizeBytes: UInt64 { connections[0].sizeBytes }
    var isReadOnly: Bool { connections.allSatisfy(\.isReadOnly) }
    /// What protects the connections, as negotiated: `off`, or `psk`, the only kind of TLS that is used.
    var security: String { connections.allSatisfy(\.isEncrypted) && uri.pskFile != nil ? "psk" : "off" }
    /// How the server proved who it is.
    var peerAuthentication: String { security == "psk" ? "psk" : "none" }

    /// Whether the server is on this machine, where a round trip costs nothing.
    private static func isNear(_ uri: NBDURI) -> Bool {
        switch uri.transport {
        case .unix: true
        case .tcp(let host, _): host == "localhost" || IPAddress(host)?.isLoopback == true
        }
    }
}
