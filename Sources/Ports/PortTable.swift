public import Core
import FoundationEssentials
import Glibc

/// The reserved ports as they are now, and the way to free them.
public struct PortTable: Sendable {
    private let registry: PortRegistry
    private let container: String

    /// - Parameters:
    ///   - registry: the ports' files.
    ///   - container: the container's address, for the report.
    public init(registry: PortRegistry, container: String) {
        self.registry = registry
        self.container = container
    }

    /// A row for each port. Gates are asked, each for 1 s at the most; nothing is locked, so nobody is disturbed.
    public func report() -> PortsReport {
        PortsReport(container: container, ports: rows())
    }

    func rows() -> [PortsReport.Row] {
        let sockets = ListeningSockets(on: IPAddress(container))
        return registry.ports.map { row($0, sockets) }
    }

    /// The row of one port; `nil` where it is not reserved.
    func row(_ port: UInt16) -> PortsReport.Row? {
        registry.ports.contains(port) ? row(port, ListeningSockets(on: IPAddress(container))) : nil
    }

    private func row(_ port: UInt16, _ sockets: ListeningSockets) -> PortsReport.Row {
        guard sockets.isTaken(port) else { return PortsReport.Row(port: port, state: .free) }
        if let data = GateControl.ask(.status, at: registry.control(port), deadline: .seconds(1)),
            let lease = try? JSON.decoder().decode(PortsReport.Lease.self, from: data)
        {
            return PortsReport.Row(port: port, state: .leased, lease: lease)
        }
        let owners = sockets.owners(of: port)
        if let last = registry.lastLease(port), owners.contains(where: { $0.pid == last.pid }) {
            return PortsReport.Row(port: port, state: .leased, lease: .init(service: last, traffic: nil))
        }
        return PortsReport.Row(port: port, state: .foreign, process: owners.first)
    }

    /// Ends services, and returns when their ports are free.
    ///
    /// - Throws: `ScoutError`: `usage` where nothing fits the selection, `refused` for a port that a foreign program
    ///   holds, `failed` where a gate does not end.
    public func release(_ selection: ReleaseSelection) throws(ScoutError) -> ReleaseReport {
        let rows = rows()
        let chosen = rows.filter { row in
            switch selection {
            case .port(let port): row.port == port && row.state != .free
            case .name(let name): row.lease?.service.name == name
            case .all: row.state == .leased
            }
        }
        if chosen.isEmpty, selection != .all { throw Self.nothing(selection, rows) }
        var released: [LeaseReport] = []
        for row in chosen {
            guard let lease = row.lease?.service else {
                throw ScoutError(
                    .refused, "port \(row.port) is held by \(row.holder): it has no lease to release",
                    hint: "end that program yourself")
            }
            try end(lease)
            released.append(lease)
        }
        return ReleaseReport(released: released)
    }

    private static func nothing(_ selection: ReleaseSelection, _ rows: [PortsReport.Row]) -> ScoutError {
        let leases = rows.compactMap { $0.lease?.service }.map { "\($0.port) \($0.name)" }
        let hint = leases.isEmpty ? "no port is leased" : "leased: \(leases.joined(separator: ", "))"
        switch selection {
        case .port(let port): return ScoutError(.usage, "port \(port) is not leased", hint: hint)
        case .name(let name): return ScoutError(.usage, "nothing is served as '\(name)'", hint: hint)
        case .all: return ScoutError(.usage, "nothing to release", hint: hint)
        }
    }

    private func end(_ lease: LeaseReport) throws(ScoutError) {
        let answered = GateControl.ask(.release, at: registry.control(lease.port), deadline: .seconds(1)) != nil
        if answered, hasEnded(lease, within: .seconds(5)) { return }
        // A gate that no longer listens to us still holds the lock, so its number can't have passed to another process.
        if isHeld(by: lease) { kill(lease.pid, SIGKILL) }
        guard hasEnded(lease, within: .seconds(2)) else {
            throw ScoutError(.failed, "the gate of port \(lease.port) (pid \(lease.pid)) does not end")
        }
        if lockIsFree(lease.port) { registry.clear(lease.port) }
    }

    private func hasEnded(_ lease: LeaseReport, within deadline: Duration) -> Bool {
        let end = ContinuousClock.now + deadline
        repeat {
            if !isHeld(by: lease) { return true }
            usleep(5000)
        } while ContinuousClock.now < end
        return false
    }

    /// Whether this very lease still stands; the port may meanwhile have passed to another.
    private func isHeld(by lease: LeaseReport) -> Bool {
        !lockIsFree(lease.port) && registry.lastLease(lease.port).map { $0.pid == lease.pid } ?? true
    }

    private func lockIsFree(_ port: UInt16) -> Bool {
        let descriptor = open(registry.lock(port), O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { return true }
        defer { close(descriptor) }
        return flock(descriptor, LOCK_SH | LOCK_NB) == 0
    }
}

extension PortsReport.Row {
    /// Who holds the port, in a few words.
    var holder: String {
        if let service = lease?.service { return "\(port) \(service.name)" }
        if let process { return "\(port) \(process.name) (pid \(process.pid))" }
        return "\(port) another program"
    }
}
