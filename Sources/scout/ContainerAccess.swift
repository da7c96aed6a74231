import Core
import Glibc
import Platform
import Sessions

extension Invocation {
    /// Lends the container this command works on: this machine, or the far end of a session that is closed afterwards.
    ///
    /// - Throws: `ScoutError` where the container can't be reached, and what the body throws.
    func withContainer<Result: Sendable>(
        _ body: @Sendable (any Container) async throws -> Result
    ) async throws -> Result {
        guard case .remote = place else {
            return try await body(LocalContainer(topology: topology, paths: paths))
        }
        return try await withRemoteContainer { try await body($0) }
    }

    /// Lends the container at the far end of a session.
    ///
    /// - Throws: `ScoutError`: `usage` where the container is this machine.
    func withRemoteContainer<Result: Sendable>(
        _ body: @Sendable (RemoteContainer) async throws -> Result
    ) async throws -> Result {
        guard case .remote(let target) = place else {
            throw ScoutError(.usage, "this is the container itself", hint: "run it on the laptop")
        }
        return try await connector(for: target).withContainer(
            at: address(of: target), reservedPorts: topology.reservedPorts, remark: { output.remark($0) }, body)
    }

    /// What opens sessions with a target.
    func connector(for target: Target) -> Connector {
        Connector(paths: paths, identity: target.identity, acceptedHostKey: acceptedHostKey)
    }

    /// Where a target's sshd answers, with the topology's port where the target names none.
    func address(of target: Target) -> Address {
        var address = target.address
        address.port = address.port ?? topology.sshPort
        return address
    }

    /// The address that the container's reserved ports are dialled at.
    var exportHost: String {
        switch place {
        case .local: topology.containerAddress
        case .remote(let target): target.address.host
        }
    }

    /// Who runs this command, for the record.
    var operatorName: String {
        if let entry = getpwuid(getuid()) { return String(cString: entry.pointee.pw_name) }
        return "uid \(getuid())"
    }
}
