public import Core
import Glibc
import Platform

/// Listens for a moment on ports that nobody holds, and tells each caller a nonce: who reads it has been here.
///
/// A reserved port is leased meanwhile, so that no service takes it in between. Not safe to share between threads.
public final class PortProbe {
    /// What is on each port.
    public let report: ProbeReport
    private let nonce: String
    /// On reserved ports.
    private var leased: [LeasedListener] = []
    /// On others.
    private var unreserved: [PortListener] = []
    private var listeners: [PortListener] { leased.map(\.listener) + unreserved }

    /// Longer than any prober waits; a forgotten probe ends by itself.
    private static let lifetime = Duration.seconds(30)

    /// Starts to listen.
    ///
    /// - Parameters:
    ///   - ports: which ports.
    ///   - nonce: what to tell; letters and digits.
    ///   - topology: the container's address and the reserved ports.
    ///   - paths: where the leases are.
    /// - Throws: `ScoutError` (`failed`) where this is not the container.
    public init(_ ports: [UInt16], nonce: String, topology: Topology, paths: Paths) throws(ScoutError) {
        self.nonce = nonce
        let address = try topology.ownContainerAddress(
            otherwise: "the container has lost its address, or another network is meant: --topology")
        let store = try LeaseStore(topology: topology, paths: paths)
        let launcher = try ServiceLauncher(topology: topology, paths: paths)
        let status = PortStatus(store: store, container: topology.containerAddress)
        var rows: [ProbeReport.Row] = []
        for port in ports {
            if let holder = Self.holder(of: port, on: address, status) {
                rows.append(holder)
                continue
            }
            var isProbing = false
            if store.ports.contains(port) {
                if let started = try? launcher.start(Greeting(), on: port) {
                    leased.append(started.leased)
                    isProbing = true
                }
            } else if let listener = try? PortListener(port, on: address) {
                unreserved.append(listener)
                isProbing = true
            }
            rows.append(ProbeReport.Row(port: port, state: isProbing ? .probing : .failed))
        }
        report = ProbeReport(ports: rows)
    }

    deinit {
        for port in leased { port.lease.giveUp() }
    }

    /// What is on a leased port meanwhile: this process itself, which needs nothing made and has no gate.
    private struct Greeting: Service {
        func makeReady(at place: ServicePlace) -> ConnectionIntake { .listeningSocket }
    }

    private static func holder(of port: UInt16, on address: IPAddress, _ status: PortStatus) -> ProbeReport.Row? {
        if let row = status.row(port), row.state == .leased {
            return ProbeReport.Row(port: port, state: .leased, lease: row.lease)
        }
        let reachable = ListenerTable(on: address)
        if reachable.isTaken(port) {
            return ProbeReport.Row(port: port, state: .foreign, process: reachable.owners(of: port).first)
        }
        for loopback in ["127.0.0.1", "::1"] {
            let inner = ListenerTable(on: IPAddress(loopback))
            if inner.isTaken(port) {
                return ProbeReport.Row(port: port, state: .loopbackOnly, process: inner.owners(of: port).first)
            }
        }
        return nil
    }

    /// Answers callers until a descriptor is readable or at its end, half a minute at most. Blocks the calling thread.
    ///
    /// - Parameter stop: for example standard input, which the far end closes.
    public func run(until stop: CInt) {
        let end = ContinuousClock.now + Self.lifetime
        while ContinuousClock.now < end {
            var polled = ([stop] + listeners.map(\.descriptor)).map {
                pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
            }
            guard poll(&polled, nfds_t(polled.count), 500) > 0 else { continue }
            if polled[0].revents != 0 { return }
            for (listener, entry) in zip(listeners, polled.dropFirst()) where entry.revents != 0 {
                greet(listener)
            }
        }
    }

    private func greet(_ listener: PortListener) {
        // Who can't be taken for want of a descriptor hears nothing, as if nobody had come.
        guard let caller = try? ListeningSocket.accept(listener.descriptor) else { return }
        defer { close(caller) }
        // A few bytes always fit into a fresh connection's buffer.
        _ = Array(ProbeReport.greeting(nonce: nonce, port: listener.port).utf8).withUnsafeBytes {
            send(caller, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL | MSG_DONTWAIT))
        }
        shutdown(caller, CInt(SHUT_WR))
    }
}
