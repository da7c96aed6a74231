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
    /// The directory of the ports' files.
    var directory: String
    /// The directory of the logs.
    var logDirectory: String
    /// Which disk or file the gate must find open.
    var source: SourceIdentity

    /// The descriptors a gate finds open.
    enum Descriptor {
        static let spec: CInt = 0
        static let lock: CInt = 3
        static let listener: CInt = 4
        static let ready: CInt = 5
        static let source: CInt = 6
    }
}
