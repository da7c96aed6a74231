public import Core
import Platform

/// The scout that is examined.
public struct Subject: Sendable {
    /// Whose container it is; `nil` where this machine is the container.
    public let target: Target?
    /// Its network.
    public let topology: Topology
    /// The configuration of the person who asks.
    public let configuration: Configuration

    /// - Parameters: one for each property, in their order.
    public init(target: Target?, topology: Topology, configuration: Configuration) {
        self.target = target
        self.topology = topology
        self.configuration = configuration
    }

    /// What the scout is called here.
    var name: String { target?.name ?? "local" }

    /// The address that its forwarded ports are dialled at.
    var host: String { target?.address.host ?? topology.containerAddress }

    /// The port of its sshd.
    var sshPort: UInt16 { target?.address.port ?? topology.sshPort }
}
