public import Core
import FoundationEssentials
import Glibc
import Platform

/// The files of the reserved ports: a lock, what is known of its lease, a control socket, a key and a link to the source,
/// for each.
///
/// Only the lock says whether a port is leased; the rest is news that a dead gate may leave behind, and that is swept.
public struct LeaseStore: Sendable {
    /// The ports that can be leased.
    public let ports: ClosedRange<UInt16>
    /// Where the files lie; private to the user.
    let directory: PrivateDirectory
    /// Where the services' logs lie.
    let logs: PrivateDirectory

    /// - Parameters:
    ///   - topology: which ports are reserved.
    ///   - paths: where the runtime and the state directory are.
    /// - Throws: `ScoutError` (`cannotCreate`, `refused`) where the directories can't be made or aren't private.
    public init(topology: Topology, paths: Paths) throws(ScoutError) {
        ports = topology.reservedPorts
        directory = try ScoutError.wrap(PrivateDirectory(paths.runtimeDirectory + "/ports"))
        logs = try ScoutError.wrap(PrivateDirectory(paths.stateDirectory + "/logs"))
    }

    static func lock(_ port: UInt16) -> String { "\(port).lock" }
    static func lease(_ port: UInt16) -> String { "\(port).json" }
    static func control(_ port: UInt16) -> String { "\(port).sock" }
    static func key(_ port: UInt16) -> String { "\(port).psk" }
    static func log(_ port: UInt16) -> String { "\(port).log" }
    /// A directory with one link, by which a port's servers find the descriptor they serve.
    static func export(_ port: UInt16) -> String { "\(port).export" }

    func keyPath(_ port: UInt16) -> String { "\(directory.path)/\(Self.key(port))" }
    func exportPath(_ port: UInt16) -> String { "\(directory.path)/\(Self.export(port))" }
    func logPath(_ port: UInt16) -> String { "\(logs.path)/\(Self.log(port))" }

    /// Locks a port for this process; `nil` where another process holds it.
    func takeLock(_ port: UInt16) throws(ScoutError) -> CInt? {
        // Who sweeps locks a port for a moment, so the two take turns. One that is stopped must keep nobody out for ever.
        let turn = takeTurn(within: .seconds(1))
        defer { if let turn { close(turn) } }
        return try ScoutError.wrap(directory.takeLock(Self.lock(port)))
    }

    /// Whether another process holds the lease on a port: a look, which is in nobody's way.
    func isLeased(_ port: UInt16) -> Bool { directory.isLocked(Self.lock(port)) }

    /// The lock on the directory, for as long as the descriptor is open; `nil` where somebody has it still.
    private func takeTurn(within deadline: Duration) -> CInt? {
        // A description of its own: threads of one process take turns, too.
        let own = openat(directory.descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard own >= 0 else { return nil }
        do throws(SystemError) {
            try FileLock.waitForDirectory(own, within: deadline)
            return own
        } catch {
            close(own)
            return nil
        }
    }

    /// Removes what belongs to a lease that has ended, all but the lock and the log. Only for who holds the lock.
    func clear(_ port: UInt16) {
        Self.clear(port, in: directory)
    }

    static func clear(_ port: UInt16, in directory: PrivateDirectory) {
        let whole = [lock(port), export(port)]
        // Whatever a process that was killed had half written, too.
        for name in directory.names() where name.hasPrefix("\(port).") && !whole.contains(name) {
            directory.remove(name)
        }
        if let links = try? PrivateDirectory(existing: export(port), in: directory) {
            for name in links.names() { links.remove(name) }
        }
        directory.remove(export(port))
    }

    /// Removes what gates that were killed have left: keys, sockets, descriptions, locks.
    ///
    /// - Parameter isTaken: whether somebody listens on a port, whose files are left alone then.
    func sweep(except isTaken: (UInt16) -> Bool) {
        let names = directory.names()
        let left = ports.filter { port in
            names.contains { $0.hasPrefix("\(port).") } && !isTaken(port) && !isLeased(port)
        }
        // Who takes a lease, or sweeps, does what is to be done here.
        guard !left.isEmpty, let turn = takeTurn(within: .zero) else { return }
        defer { close(turn) }
        for port in left {
            guard let lock = try? directory.takeLock(Self.lock(port)) else { continue }
            clear(port)
            directory.remove(Self.lock(port))
            close(lock)
        }
    }
}
