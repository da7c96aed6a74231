public import Core
import FoundationEssentials
import Glibc
import Platform

/// The reserved ports as they are now, and the way to free them.
public struct PortStatus: Sendable {
    private let store: LeaseStore
    private let container: String

    /// - Parameters:
    ///   - store: the ports' files.
    ///   - container: the container's address, for the report.
    public init(store: LeaseStore, container: String) {
        self.store = store
        self.container = container
    }

    /// A row for each port. Gates are asked, each for 1 s at the most; what dead ones have left is swept.
    public func report() -> PortsReport {
        PortsReport(container: container, ports: rows())
    }

    func rows() -> [PortsReport.Row] {
        let sockets = ListenerTable(on: IPAddress(container))
        store.sweep { sockets.isTaken($0) }
        return store.ports.map { row($0, sockets) }
    }

    /// The row of one port; `nil` where it is not reserved.
    func row(_ port: UInt16) -> PortsReport.Row? {
        store.ports.contains(port) ? row(port, ListenerTable(on: IPAddress(container))) : nil
    }

    private func row(_ port: UInt16, _ sockets: ListenerTable) -> PortsReport.Row {
        // The lock is the lease; a gate that ends, and has no socket any more, has it still.
        guard sockets.isTaken(port) || store.isLeased(port) else { return PortsReport.Row(port: port, state: .free) }
        if let answer = GateControl.ask(
            .status, at: LeaseStore.control(port), in: store.directory, deadline: .seconds(1)),
            let gate = GateProcess(answer.pid, port: port, store),
            let lease = try? JSON.decoder().decode(PortsReport.Lease.self, from: answer.data)
        {
            return PortsReport.Row(
                port: port, state: .leased, lease: .init(service: gate.lease, traffic: lease.traffic))
        }
        let owners = sockets.owners(of: port)
        if let gate = gate(of: port, owners) {
            return PortsReport.Row(port: port, state: .leased, lease: .init(service: gate.lease, traffic: nil))
        }
        // One that is locked alone is about to be served, or was given up by now.
        guard sockets.isTaken(port) else { return PortsReport.Row(port: port, state: .free) }
        return PortsReport.Row(port: port, state: .foreign, process: owners.first)
    }

    private func gate(of port: UInt16, _ owners: [PortsReport.Process]) -> GateProcess? {
        owners.lazy.compactMap { GateProcess($0.pid, port: port, store) }.first
    }

    /// Ends services, and returns when their ports are free.
    ///
    /// - Throws: `ScoutError`: `usage` where nothing fits the selection, or more than one service does; `refused` for a
    ///   port that a foreign program holds, `failed` where a gate does not end.
    public func release(_ selection: ReleaseSelection) throws(ScoutError) -> ReleaseReport {
        let rows = rows()
        let chosen = try Self.choose(selection, rows)
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

    /// A service may have the name of a port, and two may have one name.
    private static func choose(
        _ selection: ReleaseSelection, _ rows: [PortsReport.Row]
    ) throws(ScoutError) -> [PortsReport.Row] {
        let word: String
        var chosen: [PortsReport.Row]
        switch selection {
        case .all: return rows.filter { $0.state == .leased }
        case .port(let port):
            word = "\(port)"
            chosen = rows.filter { ($0.port == port && $0.state != .free) || $0.lease?.service.name == word }
            // What has no lease can't be meant where something with a lease can.
            if chosen.contains(where: { $0.state == .leased }) { chosen.removeAll { $0.state != .leased } }
        case .name(let name):
            word = name
            chosen = rows.filter { $0.lease?.service.name == name }
        }
        guard chosen.count > 1 else { return chosen }
        throw ScoutError(
            .usage, "'\(word)' can mean more than one: \(list(chosen))",
            hint: "say PORT or NAME, whichever is that of one service only")
    }

    private static func list(_ rows: [PortsReport.Row]) -> String {
        rows.compactMap { $0.lease?.service }.map { "\($0.port) \($0.name)" }.joined(separator: ", ")
    }

    private static func nothing(_ selection: ReleaseSelection, _ rows: [PortsReport.Row]) -> ScoutError {
        let leases = list(rows)
        let hint = leases.isEmpty ? "no port is leased" : "leased: \(leases)"
        switch selection {
        case .port(let port): return ScoutError(.usage, "port \(port) is not leased", hint: hint)
        case .name(let name): return ScoutError(.usage, "nothing is served as '\(name)'", hint: hint)
        case .all: return ScoutError(.usage, "nothing to release", hint: hint)
        }
    }

    private func end(_ lease: LeaseReport) throws(ScoutError) {
        // By the process that was seen, and only for as long as the kernel says that it is that gate.
        guard let gate = GateProcess(lease.pid, port: lease.port, store) else { return sweep(lease.port) }
        let answered = GateControl.ask(
            .release, at: LeaseStore.control(lease.port), in: store.directory, deadline: .seconds(1))
        if answered?.pid != gate.pid { kill(gate.pid, SIGTERM) }
        if gate.hasEnded(store, within: .seconds(answered == nil ? 3 : 5)) { return sweep(lease.port) }
        if gate.isAlive(store) { kill(gate.pid, SIGKILL) }
        guard gate.hasEnded(store, within: .seconds(2)) else {
            throw ScoutError(.failed, "the gate of port \(lease.port) (pid \(lease.pid)) does not end")
        }
        sweep(lease.port)
    }

    private func sweep(_ port: UInt16) {
        let sockets = ListenerTable(on: IPAddress(container))
        store.sweep { $0 != port || sockets.isTaken($0) }
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
