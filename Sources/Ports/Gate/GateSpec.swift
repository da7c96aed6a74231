import Core
import Platform

/// What a gate is told when it is started: which service, how one client's server is run, and whom to let in.
struct GateSpec: Codable {
    /// The lease, but for the gate's own process id.
    let lease: LeaseReport
    /// What is run for each client.
    let server: ServerCommand
    /// Clients at a time.
    let maxClients: Int
    /// Seconds without a client after which the gate leaves; `nil` stays.
    let idleSeconds: Double?
    /// How the servers end when the gate does.
    let ending: ServiceEnding
    /// The directory of the ports' files.
    let directory: String
    /// The directory of the logs.
    let logDirectory: String
    /// Which disk or file the gate must find open.
    let source: SourceIdentity

    /// - Parameters:
    ///   - service: what the gate is for.
    ///   - store: where the lease's files lie.
    init(_ service: GatedServer, _ store: LeaseStore) {
        lease = service.report
        server = service.command
        maxClients = service.maxClients
        idleSeconds = service.idleTimeout.map { $0 / .seconds(1) }
        ending = service.ending
        directory = store.directory.path
        logDirectory = store.logs.path
        source = service.source.source.identity
    }

    /// The descriptors a gate finds open.
    enum Descriptor {
        static let spec: CInt = 0
        static let lock: CInt = 3
        static let listener: CInt = 4
        static let ready: CInt = 5
        static let source: CInt = 6
    }
}
