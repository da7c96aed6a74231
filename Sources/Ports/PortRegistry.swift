public import Core
import FoundationEssentials
import Glibc

/// The files of the reserved ports: a lock, what is known of its lease, a control socket and a key, for each.
///
/// Only the lock says whether a port is leased; the rest is news that a dead gate may leave behind.
public struct PortRegistry: Sendable {
    /// The ports that can be leased.
    public let ports: ClosedRange<UInt16>
    /// Where the files lie; private to the user.
    let directory: String
    /// Where the services' logs lie.
    let logDirectory: String

    /// - Parameters:
    ///   - topology: which ports are reserved.
    ///   - paths: where the runtime and the state directory are.
    /// - Throws: `ScoutError` (`cannotCreate`, `refused`) where the directories can't be made or aren't private.
    public init(topology: Topology, paths: Paths) throws(ScoutError) {
        ports = topology.reservedPorts
        directory = paths.runtimeDirectory + "/ports"
        logDirectory = paths.stateDirectory + "/logs"
        try File.makePrivateDirectory(directory)
        try File.makePrivateDirectory(logDirectory)
    }

    func lock(_ port: UInt16) -> String { "\(directory)/\(port).lock" }
    func lease(_ port: UInt16) -> String { "\(directory)/\(port).json" }
    func control(_ port: UInt16) -> String { "\(directory)/\(port).sock" }
    func key(_ port: UInt16) -> String { "\(directory)/\(port).psk" }
    func log(_ port: UInt16) -> String { "\(logDirectory)/\(port).log" }

    /// What was last written about a port's lease; it may be stale.
    func lastLease(_ port: UInt16) -> LeaseReport? {
        guard let bytes = try? File.read(lease(port)) else { return nil }
        return try? JSON.decode(LeaseReport.self, from: Data(bytes))
    }

    /// Removes what belongs to a lease that has ended, all but the lock and the log.
    func clear(_ port: UInt16) {
        for path in [lease(port), control(port), key(port)] { unlink(path) }
    }
}
