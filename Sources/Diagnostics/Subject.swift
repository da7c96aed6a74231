public import Core
public import Sessions

/// The scout that is examined, and how it is reached from here.
public struct Subject: Sendable {
    /// Whose container it is; `nil` where this machine is the container.
    public let target: Target?
    /// Its network.
    public let topology: Topology
    /// The configuration of the person who asks.
    public let configuration: Configuration
    /// Where leases and records are on this machine.
    public let paths: Paths
    /// What opens sessions: with the target, or from the container with its host.
    public let connector: Connector
    /// What lends the container.
    public let opener: any ContainerOpener
    /// Is told what went on, for people who want more than the result.
    public let detail: @Sendable (String) -> Void

    /// - Parameters: one for each property, in their order.
    public init(
        target: Target?, topology: Topology, configuration: Configuration, paths: Paths, connector: Connector,
        opener: any ContainerOpener, detail: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.target = target
        self.topology = topology
        self.configuration = configuration
        self.paths = paths
        self.connector = connector
        self.opener = opener
        self.detail = detail
    }

    /// What the scout is called here.
    var name: String { target?.name ?? "local" }

    /// Where a target's sshd answers, with the topology's port where the target names none.
    func address(of target: Target) -> Address {
        var address = target.address
        address.port = address.port ?? topology.sshPort
        return address
    }
}

/// Lends the container that a command works on.
public protocol ContainerOpener: Sendable {
    /// Lends it wherever it is: on this machine, or at the far end of a session that is closed afterwards.
    ///
    /// - Throws: `ScoutError` where it can't be reached, and what the body throws.
    func withContainer<Result: Sendable>(
        _ body: @Sendable (any Container) async throws -> Result
    ) async throws -> Result

    /// Lends it where it is at the far end of a session.
    ///
    /// - Throws: as ``withContainer(_:)``, and `usage` where this machine is the container.
    func withRemoteContainer<Result: Sendable>(
        _ body: @Sendable (RemoteContainer) async throws -> Result
    ) async throws -> Result
}
