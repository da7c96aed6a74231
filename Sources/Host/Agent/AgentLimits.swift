/// How long the agent waits for its clients, and for itself (Docs/HostAgentProtocol.md).
struct AgentLimits: Sendable {
    /// For a client to send its line.
    var request = Duration.seconds(2)
    /// For a client to wait for an evaluation.
    var evaluation = Duration.seconds(5)
    /// For a client to take the whole answer.
    var answer = Duration.seconds(5)
    /// How long an answer is repeated.
    var lifetime = Duration.seconds(1)
    /// Between two looks whether the socket is still in its place, and so between two attempts to put it back.
    var look = Duration.seconds(1)
    /// How long nobody is accepted after the system ran out of descriptors or memory.
    var pause = Duration.milliseconds(200)
}
