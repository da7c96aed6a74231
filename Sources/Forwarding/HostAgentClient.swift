public import Core
public enum HostAgentClient {
    public static func ask(_ socketPath: String, deadline: Duration) throws(ScoutError) -> ForwardsReport {
        throw ScoutError(.unreachable, "the host's agent is absent: no socket at \(socketPath)")
    }
}
