/// What the container found when it was asked to listen on ports for a moment: which it does, and who holds the others.
public struct ProbeReport: Report, Hashable {
    /// The shape of version 1; spoken between two scouts only.
    public static let schema = "scout.probe/1"

    /// What is on a port.
    public enum State: String, Codable, Sendable {
        /// The probe itself, which gives each caller the nonce.
        case probing
        /// A service of ours.
        case leased
        /// A program without a lease.
        case foreign
        /// A program that listens on a loopback address only, where no forward reaches it.
        case loopbackOnly
        /// Nothing; the probe could not listen either.
        case failed
    }

    /// One port.
    public struct Row: Codable, Hashable, Sendable {
        /// The TCP port.
        public var port: UInt16
        /// What is on it.
        public var state: State
        /// The service, where it is leased.
        public var lease: PortsReport.Lease?
        /// The program, where this user may see it.
        public var process: PortsReport.Process?

        /// - Parameters: one for each property, in their order.
        public init(port: UInt16, state: State, lease: PortsReport.Lease? = nil, process: PortsReport.Process? = nil) {
            self.port = port
            self.state = state
            self.lease = lease
            self.process = process
        }
    }

    /// The ports that were asked for, in order.
    public var ports: [Row]

    /// - Parameter ports: the ports, in order.
    public init(ports: [Row]) {
        self.ports = ports
    }

    /// What a caller of a probed port reads, before the connection ends.
    ///
    /// - Parameters:
    ///   - nonce: of this probe.
    ///   - port: the port the container was reached at, which need not be the one that was dialled.
    public static func greeting(nonce: String, port: UInt16) -> String { "scout-probe \(nonce) \(port)\n" }
}
