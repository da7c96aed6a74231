public import Core
import Glibc

/// Listens for a moment on ports that nobody holds, and tells each caller a nonce: who reads it has been here.
///
/// A reserved port is leased meanwhile, so that no service takes it in between. Not safe to share between threads.
public final class PortProbe {
    /// What is on each port.
    public let report: ProbeReport
    private let nonce: String
    /// On reserved ports; a lease closes its own socket.
    private var leases: [Lease] = []
    /// On others.
    private var sockets: [(port: UInt16, descriptor: CInt)] = []
    private var listeners: [(port: UInt16, descriptor: CInt)] { leases.map { ($0.port, $0.listener) } + sockets }

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
        guard let address = IPAddress(topology.containerAddress), topology.isContainer(NetworkInterface.all()) else {
            throw ScoutError(
                .failed, "no interface of this machine carries \(topology.containerAddress)",
                hint: "the container has lost its address, or another network is meant: --topology")
        }
        let store = try LeaseStore(topology: topology, paths: paths)
        let status = PortStatus(store: store, container: topology.containerAddress)
        var rows: [ProbeReport.Row] = []
        for port in ports {
            if let holder = Self.holder(of: port, on: address, status) {
                rows.append(holder)
                continue
            }
            if store.ports.contains(port) {
                if let lease = try? Lease.take(port, on: address, in: store) { leases.append(lease) }
            } else if let socket = try? Lease.listen(port, on: address) {
                sockets.append((port, socket))
            }
            let isProbing = leases.last?.port == port || sockets.last?.port == port
            rows.append(ProbeReport.Row(port: port, state: isProbing ? .probing : .failed))
        }
        report = ProbeReport(ports: rows)
    }

    deinit {
        for socket in sockets { close(socket.descriptor) }
    }

    private static func holder(of port: UInt16, on address: IPAddress, _ status: PortStatus) -> ProbeReport.Row? {
        if let row = status.row(port), row.state == .leased {
            return ProbeReport.Row(port: port, state: .leased, lease: row.lease)
        }
        let reachable = ListeningSockets(on: address)
        if reachable.isTaken(port) {
            return ProbeReport.Row(port: port, state: .foreign, process: reachable.owners(of: port).first)
        }
        for loopback in ["127.0.0.1", "::1"] {
            let inner = ListeningSockets(on: IPAddress(loopback))
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

    private func greet(_ listener: (port: UInt16, descriptor: CInt)) {
        let caller = accept(listener.descriptor, nil, nil)
        guard caller >= 0 else { return }
        defer { close(caller) }
        // A few bytes always fit into a fresh connection's buffer.
        _ = Array(ProbeReport.greeting(nonce: nonce, port: listener.port).utf8).withUnsafeBytes {
            send(caller, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL | MSG_DONTWAIT))
        }
        shutdown(caller, CInt(SHUT_WR))
    }
}
