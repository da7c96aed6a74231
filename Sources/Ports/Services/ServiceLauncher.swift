public import Core
import Glibc
import Platform

/// Puts services on reserved ports.
public struct ServiceLauncher: Sendable {
    private let topology: Topology
    private let paths: Paths
    private let store: LeaseStore

    /// - Parameters:
    ///   - topology: the container's address and the reserved ports.
    ///   - paths: where locks, keys, logs and evidence lie.
    /// - Throws: `ScoutError` (`cannotCreate`, `refused`) where the runtime directory is not to be had.
    public init(topology: Topology, paths: Paths) throws(ScoutError) {
        self.topology = topology
        self.paths = paths
        store = try LeaseStore(topology: topology, paths: paths)
    }

    /// Leases a port, makes the service ready there, and starts the gate, which goes on by itself.
    ///
    /// - Parameters:
    ///   - request: what to serve and to whom.
    ///   - gateCommand: the arguments that run ``Gate/run()`` in this program, its path first.
    ///   - trialCommand: the arguments that run ``Source/tryOpening(_:in:)`` in this program, its path first.
    /// - Returns: the lease; the port answers.
    /// - Throws: `ScoutError`: `noSource`, `refused` (a source that could be written to), `busy` (no free port),
    ///   `unreachable` (no nbdkit), `io` (the source can't be exported), `failed` (this is not the container,
    ///   or the gate does not start).
    ///
    /// Blocks for as long as nbdkit takes to start, some 50 ms.
    public func serve(
        _ request: ServiceRequest, gateCommand: [String], trialCommand: [String]
    ) throws -> LeaseReport {
        let started =
            switch request {
            case .nbd(let request):
                try start(NBDService(request, paths: paths, trialCommand: trialCommand), on: request.port)
            }
        guard case .socketPerClient(let server) = started.intake else {
            throw ScoutError(.usage, "a service that accepts its own clients has no gate")
        }
        do {
            return try GateLauncher(server: server, leased: started.leased, store: store).run(gateCommand)
        } catch {
            started.leased.lease.giveUp()
            throw error
        }
    }

    /// Leases a port and makes a service ready there, whatever way it takes connections.
    ///
    /// - Parameters:
    ///   - service: what to make ready.
    ///   - wanted: which port; `nil` takes the first free one.
    /// - Returns: the leased port, which ends with it, and how the service takes connections.
    /// - Throws: `ScoutError`: `failed` where this is not the container, `usage` for a port that is not reserved, `busy`, or
    ///   what the service threw; the port is given back then.
    func start(
        _ service: some Service, on wanted: UInt16?
    ) throws -> (leased: LeasedListener, intake: ConnectionIntake) {
        let address = try topology.ownContainerAddress(
            otherwise: "run this in the container, or choose its network with --topology")
        let leased = try take(wanted, on: address)
        do {
            let place = ServicePlace(
                port: leased.lease.port, store: store, topology: topology, environment: paths.environment)
            return (leased, try service.makeReady(at: place))
        } catch {
            leased.lease.giveUp()
            throw error
        }
    }

    private func take(_ wanted: UInt16?, on address: IPAddress) throws(ScoutError) -> LeasedListener {
        if let wanted, !store.ports.contains(wanted) {
            throw ScoutError(
                .usage, "port \(wanted) is not one of the reserved ports",
                hint: "choose one of \(store.ports.lowerBound)–\(store.ports.upperBound)")
        }
        for port in wanted.map({ $0...$0 }) ?? store.ports {
            do {
                return try LeasedListener.take(port, on: address, in: store)
            } catch .failed(let error) {
                throw error
            } catch {
                continue
            }
        }
        let held = PortStatus(store: store, container: topology.containerAddress).rows()
            .filter { wanted == nil || $0.port == wanted }.map(\.holder)
        throw ScoutError(
            .busy,
            wanted.map { "port \($0) is taken: \(held.first ?? "")" }
                ?? "all ports are taken: \(held.joined(separator: ", "))",
            hint: "scout release PORT frees one; scout ports shows them")
    }
}

extension Topology {
    /// The container's address, which this machine must carry.
    ///
    /// - Parameter hint: what to do where it does not.
    /// - Throws: `ScoutError` (`failed`).
    func ownContainerAddress(otherwise hint: String) throws(ScoutError) -> IPAddress {
        guard let address = IPAddress(containerAddress), isContainer(NetworkInterface.all()) else {
            throw ScoutError(.failed, "no interface of this machine carries \(containerAddress)", hint: hint)
        }
        return address
    }
}
