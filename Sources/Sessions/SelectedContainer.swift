public import Core

extension ScoutSelection {
    /// What opens sessions with a target.
    public func connector(for target: Target) -> Connector {
        Connector(paths: paths, identity: target.identity, acceptedHostKey: acceptedHostKey)
    }

    /// Lends the container: this machine, or the far end of a session that is closed afterwards.
    ///
    /// - Parameters:
    ///   - here: this machine as the container.
    ///   - remark: told what the user should know of the far end.
    ///   - body: works with the container.
    /// - Throws: `ScoutError` where the container can't be reached, and what the body throws.
    public func withContainer<Result: Sendable>(
        here: some Container, remark: @escaping @Sendable (String) -> Void,
        _ body: @Sendable (any Container) async throws -> Result
    ) async throws -> Result {
        guard case .remote = location else { return try await body(here) }
        return try await withRemoteContainer(remark: remark) { try await body($0) }
    }

    /// Lends the container at the far end of a session.
    ///
    /// - Throws: as ``withContainer(here:remark:_:)``; `usage` where the container is this machine.
    public func withRemoteContainer<Result: Sendable>(
        remark: @escaping @Sendable (String) -> Void, _ body: @Sendable (RemoteContainer) async throws -> Result
    ) async throws -> Result {
        guard case .remote(let target) = location else {
            throw ScoutError(.usage, "this is the container itself", hint: "run it on the laptop")
        }
        return try await connector(for: target).withContainer(
            at: address(of: target), reservedPorts: topology.reservedPorts, remark: remark, body)
    }
}
