public import Testing

/// One fault of the way to port 2003 of a container, and what the doctor must say of it.
///
/// Two tests make each of them: one in a network of its own, one by answers alone.
public struct WayFault: Sendable, CustomTestStringConvertible {
    /// What is wrong.
    public let testDescription: String
    /// The hop that fails; `nil` where a finding breaks nothing.
    public let hop: String?
    /// Of the verdict, each.
    public let words: [String]
    /// Who can mend it.
    public let person: String
    /// Whether the host's agent runs.
    public let hasAgent: Bool

    private init(
        _ testDescription: String, hop: String?, words: [String], person: String = "owner", hasAgent: Bool = true
    ) {
        self.testDescription = testDescription
        self.hop = hop
        self.words = words
        self.person = person
        self.hasAgent = hasAgent
    }

    /// The matrix.
    public static let all = [
        WayFault(
            "the laptop's VPN process is dead", hop: "vpn-link", words: ["VPN client is not running"], person: "expert"),
        WayFault("the host's VPN process is dead", hop: "host", words: ["10.1.0.2", "its VPN process is dead"]),
        WayFault(
            "the VPN address has changed", hop: "host", words: ["address has changed", "10.1.0.7"], person: "expert"),
        WayFault("another network has the address", hop: "route", words: ["leave by eth0", "tap0"], person: "expert"),
        WayFault("the container's interface is down", hop: "host", words: ["ve-container, is down"]),
        WayFault(
            "the container's interface is down, and nobody can be asked", hop: "host",
            words: ["the LiveOS is there", "the container or its interface is down"]),
        WayFault("sshd is down", hop: "host", words: ["refused", "sshd in the container is down"]),
        WayFault("the host key is wrong", hop: "host-key", words: ["has changed", "SHA256:"], person: "expert"),
        WayFault("the key does not open the account", hop: "ssh-auth", words: ["10.1.0.2"], person: "expert"),
        WayFault("the toolkit is missing", hop: "toolkit", words: ["scout is not installed"], person: "expert"),
        WayFault(
            "the service does not listen", hop: "listener", words: ["port 2003", "does not listen any more"],
            person: "expert"),
        WayFault(
            "it listens on 127.0.0.1 only", hop: "listener", words: ["python3", "loopback address only"],
            person: "expert"),
        WayFault("the DNAT rule is missing", hop: "forward", words: ["no rule forwards port 2003"]),
        WayFault(
            "the DNAT rule leads to a wrong address", hop: "forward",
            words: ["it leads to 10.0.3.9, not to the container"]),
        WayFault(
            "the DNAT rule is shadowed", hop: "forward", words: ["comes too late", "--to-destination 10.0.3.2:2003"]),
        WayFault("a DNAT rule takes another's port", hop: "forward", words: ["10.0.3.9", "which comes before"]),
        WayFault("FORWARD drops the port", hop: "forward", words: ["stopped by filter FORWARD 1"]),
        WayFault("FORWARD's policy drops everything", hop: "host", words: ["FORWARD: policy DROP"]),
        WayFault(
            "FORWARD drops the port, and there is no agent", hop: "forward",
            words: ["did not answer", "agent is absent"], hasAgent: false),
        WayFault(
            "the agent is absent", hop: nil, words: ["works end to end", "agent is absent: no socket"], hasAgent: false),
        WayFault("the agent is hung", hop: nil, words: ["works end to end", "agent does not answer within 3 s"]),
        WayFault("the agent is dead", hop: nil, words: ["works end to end", "agent is dead"]),
    ]
}
