import Core

/// What a gate is told when it is started: which service, how one client's server is run, and whom to let in.
struct GateSpec: Codable {
    /// The lease, but for the gate's own process id.
    var lease: LeaseReport
    /// The program that serves one connection on stdin and stdout.
    var executable: String
    /// Its words, the program's name first.
    var arguments: [String]
    /// Clients at a time.
    var maxClients: Int
    /// Seconds without a client after which the gate leaves; `nil` stays.
    var idleSeconds: Double?
    /// The control socket's path.
    var controlPath: String
    /// Where the lease is written down.
    var leasePath: String
    /// The key file, removed at the end.
    var keyPath: String

    /// The descriptors a gate finds open.
    enum Descriptor {
        static let spec: CInt = 0
        static let lock: CInt = 3
        static let listener: CInt = 4
        static let ready: CInt = 5
    }
}
