public import Core

/// What `doctor` found, hop by hop.
public struct DoctorReport: Report {
    /// `scout.doctor/1`.
    public static let schema = "scout.doctor/1"

    /// The hops, in their order.
    public enum HopID: String, Codable, CaseIterable, Sendable {
        /// The VPN of this machine.
        case vpnLink = "vpn-link"
        /// Whether packets for the scout leave by it.
        case route
        /// Whether an SSH server answers at its address.
        case host
        /// Whether that is the right one.
        case hostKey = "host-key"
        /// Whether it lets this person in.
        case sshAuth = "ssh-auth"
        /// Whether scout is in the container.
        case toolkit
        /// Whether something listens on the port there.
        case listener
        /// Whether the host forwards the port.
        case forward
        /// Whether a connection gets through.
        case endToEnd = "end-to-end"
    }

    /// One hop and what was found there.
    public struct Hop: Codable, Sendable {
        /// The detail of a hop that nobody looked at.
        public static let notReached = "not reached"

        /// Which hop.
        public var id: HopID
        /// `nil` is not reached, or not known; the detail says which.
        public var ok: Bool?
        /// What was found, or why it fails, without a final full stop.
        public var detail: String
        /// How long that took.
        public var elapsedSeconds: Double
    }

    /// Whether no hop fails, and those that the verdict rests on are proven.
    public var ok: Bool
    /// The port in question.
    public var port: UInt16?
    /// All hops, in their order.
    public var hops: [Hop]
    /// The outcome in one sentence.
    public var verdict: String
    /// What to do next, and who can do it.
    public var advice: String
}
