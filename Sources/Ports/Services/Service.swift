import Core
import Platform

/// Something that is served on a port.
///
/// Lease, gate, guard, log, report and release are the same for every service. What differs is said here: how it is made
/// ready and examined, how it takes connections, what its lease says, and how its processes end.
protocol Service {
    /// Makes what the service needs, and examines it, once its port is leased and before anybody may connect.
    ///
    /// Files are named after the port, in the place's store, and so go with the lease; also where this throws.
    ///
    /// - Parameter place: the port.
    /// - Returns: how it takes connections.
    /// - Throws: `ScoutError` with the reason why it can't be served; the port is given back then.
    func makeReady(at place: ServicePlace) throws -> ConnectionIntake
}

/// How a service takes the connections of its port.
enum ConnectionIntake {
    /// A gate accepts, and runs a server for each client, with the connection as its stdin and stdout.
    case socketPerClient(GatedServer)
    /// It accepts by itself, on the listening socket.
    case listeningSocket
}

/// A service whose clients a gate lets in, each to a server of its own.
struct GatedServer {
    /// What is run for each client.
    let command: ServerCommand
    /// What every server is given open. A connection counts as a client when its server has opened it as well:
    /// Docs/decisions/0003-who-counts-as-a-client.md.
    let source: OpenSource
    /// What the lease says, but for the gate's process.
    let report: LeaseReport
    /// Clients at a time.
    let maxClients: Int
    /// How long without a client until the service ends; `nil` stays.
    let idleTimeout: Duration?
    /// How the servers end when the service does.
    let ending: ServiceEnding
}

/// How the processes of a service are ended: asked by a signal, then killed.
struct ServiceEnding: Codable {
    /// What asks them, for example SIGTERM.
    let signal: Int32
    /// Seconds that they may take to leave by themselves.
    let graceSeconds: Double
    /// Seconds that they may take after SIGKILL. One that reads from a disk that does not answer can't even be killed, and
    /// must not keep the port.
    let lastGraceSeconds: Double
}

/// A leased port, as a service sees it that is made ready there.
struct ServicePlace {
    /// The port.
    let port: UInt16
    /// Where the files of the lease lie.
    let store: LeaseStore
    /// The container's address, and the one it has for the expert.
    let topology: Topology
    /// The environment of whoever asked for the service.
    let environment: [String: String]

    /// The address and port that it listens on.
    var bind: String { "\(topology.containerAddress):\(port)" }

    /// The address that the calling SSH session came from, after sshd's `SSH_CONNECTION` (ssh(1)); none without a session.
    var caller: [CIDR] {
        let words = environment["SSH_CONNECTION"]?.split(separator: " ") ?? []
        return words.first.flatMap { CIDR(String($0)) }.map { [$0] } ?? []
    }
}
