import Core
import FoundationEssentials
import Glibc
import Logging
import Platform

/// The clients of a gate, each with a server of its own.
///
/// Whoever connects first has to agree with its server on what is served, TLS included. Until then it has a place among the
/// handshakes, of which there are only so many and which end after a while; from then on it is a client and counts.
/// A server opens the source for a client when, and only when, that is done, and the kernel shows whether it has:
/// Docs/decisions/0003-who-counts-as-a-client.md.
final class GateClients {
    /// How long a handshake may take.
    private static let handshakeDeadline = Duration.seconds(15)
    /// Handshakes at a time, from one address and in all. One acquisition opens up to 16 connections at once.
    private static let handshakesPerAddress = 16
    private static let handshakes = 64

    private struct Client {
        let connection: CInt
        let address: IPAddress
        let since: Date
        let came: ContinuousClock.Instant
        /// Whether the handshake is done.
        var counts = false
        /// Whether it has been told to go.
        var isEnded = false
    }

    private let spec: GateSpec
    private let deathSignal: GroupDeathSignal
    private let log: Logger
    /// Where servers' words go.
    private let serversLog: CInt
    /// What the kernel calls the source.
    private let sourceLink: String
    private var clients: [pid_t: Client] = [:]
    private var traffic = PortsReport.Traffic()
    private var announced: Set<IPAddress> = []

    /// When the last client that counted left.
    private(set) var idleSince = ContinuousClock.now

    init(_ spec: GateSpec, deathSignal: GroupDeathSignal, log: Logger, serversLog: CInt) {
        self.spec = spec
        self.deathSignal = deathSignal
        self.log = log
        self.serversLog = serversLog
        sourceLink = Directory.link("/proc/self/fd/\(GateSpec.Descriptor.source)")
    }

    /// Whether there is not a single server.
    var isEmpty: Bool { clients.isEmpty }
    /// Whether nobody is there who counts.
    var isIdle: Bool { !clients.values.contains { $0.counts } }

    /// When to look at the handshakes again; `nil` where there is none.
    var due: ContinuousClock.Instant? {
        let pending = clients.values.filter { !$0.counts && !$0.isEnded }
        guard let newest = pending.map(\.came).max() else { return nil }
        return .now + (ContinuousClock.now - newest < .seconds(1) ? .milliseconds(20) : .milliseconds(200))
    }

    /// What has been seen, with the bytes of those who are still connected.
    var report: PortsReport.Traffic {
        var now = traffic
        now.handshakes = clients.values.count { !$0.counts }
        for client in clients.values.sorted(by: { $0.since < $1.since }) {
            let moved = TCPInfo.bytes(client.connection)
            now.bytesSent += moved.sent
            now.bytesReceived += moved.received
            if client.counts {
                now.clients.append(PortsReport.Client(address: "\(client.address)", since: client.since))
            }
        }
        return now
    }

    func signal(_ number: CInt) {
        for pid in clients.keys { kill(pid, number) }
    }

    /// Takes the next connection, if it may be taken.
    func admit(from listener: CInt) {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let connection = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { accept(listener, $0, &size) }
        }
        guard connection >= 0 else {
            // Out of descriptors or memory: the connection stays in the queue, so wait rather than spin.
            if errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM { usleep(100_000) }
            return
        }
        // Can't fail on a descriptor that is open.
        _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
        look()
        guard let peer = Self.address(connection, getpeername), mayConnect(peer, connection) else {
            close(connection)
            return
        }
        makeRoom(for: peer)
        start(connection, peer)
    }

    private func start(_ connection: CInt, _ peer: IPAddress) {
        TCPInfo.noticeDeadPeers(connection)
        do throws(ScoutError) {
            let pid = try spec.server.start(
                on: connection, errors: serversLog, source: GateSpec.Descriptor.source, deathSignal: deathSignal)
            clients[pid] = Client(connection: connection, address: peer, since: Date(), came: .now)
            traffic.connections += 1
            log.info("\(peer) connected")
        } catch {
            log.error("no server for \(peer): \(error.message)")
            close(connection)
        }
    }

    private func mayConnect(_ peer: IPAddress, _ connection: CInt) -> Bool {
        let own = peer.isLoopback || peer == Self.address(connection, getsockname)
        if !own, !spec.lease.allow.contains(where: { $0.contains(peer) }) {
            turnAway(peer, "is not allowed")
            return false
        }
        if clients.values.count(where: { $0.counts }) >= spec.maxClients {
            turnAway(peer, "is one more than \(spec.maxClients) clients")
            return false
        }
        return true
    }

    private func turnAway(_ peer: IPAddress, _ reason: String) {
        traffic.refused += 1
        // Once per address, or a neighbour could fill the disk with our log.
        if announced.count < 1000, announced.insert(peer).inserted { log.warning("turned away: \(peer) \(reason)") }
    }

    /// Ends the oldest handshake where there are too many: of this address, or of the one that has most of them.
    private func makeRoom(for peer: IPAddress) {
        let pending = clients.filter { !$0.value.counts && !$0.value.isEnded }
        let byAddress = Dictionary(grouping: pending, by: \.value.address)
        let crowd: [(key: pid_t, value: Client)]?
        if let own = byAddress[peer], own.count >= Self.handshakesPerAddress {
            crowd = own
        } else if pending.count >= Self.handshakes {
            crowd = byAddress.values.max { $0.count < $1.count }
        } else {
            crowd = nil
        }
        if let oldest = crowd?.min(by: { $0.value.came < $1.value.came }) {
            end(oldest.key, "had not finished its handshake when others came")
        }
    }

    /// Sees whose handshake is done, and ends those that take too long or are one too many.
    func look() {
        for (pid, client) in clients.sorted(by: { $0.value.came < $1.value.came })
        where !client.counts && !client.isEnded {
            if hasOpenedSource(pid) {
                if clients.values.count(where: { $0.counts }) >= spec.maxClients {
                    end(pid, "is one more than \(spec.maxClients) clients")
                } else {
                    clients[pid]?.counts = true
                }
            } else if ContinuousClock.now - client.came > Self.handshakeDeadline {
                end(pid, "did not finish its handshake within \(Self.handshakeDeadline.components.seconds) s")
            }
        }
    }

    /// Whether a server holds the source open beside the descriptor that it was given.
    private func hasOpenedSource(_ pid: pid_t) -> Bool {
        let given = "\(ServerCommand.sourceDescriptor)"
        return Directory.entries("/proc/\(pid)/fd").contains {
            $0 != given && Directory.link("/proc/\(pid)/fd/\($0)") == sourceLink
        }
    }

    private func end(_ pid: pid_t, _ reason: String) {
        guard let client = clients[pid] else { return }
        kill(pid, SIGKILL)
        clients[pid]?.isEnded = true
        turnAway(client.address, reason)
    }

    /// Takes leave of servers that have ended.
    func reap() {
        for (pid, client) in clients where waitpid(pid, nil, WNOHANG) != 0 {
            let moved = TCPInfo.bytes(client.connection)
            traffic.bytesSent += moved.sent
            traffic.bytesReceived += moved.received
            close(client.connection)
            clients[pid] = nil
            log.info("\(client.address) left after \(moved.sent) bytes")
            if client.counts, isIdle { idleSince = .now }
        }
    }

    private static func address(
        _ connection: CInt,
        _ name: (CInt, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> CInt
    ) -> IPAddress? {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                name(connection, pointer, &size) == 0 ? IPAddress(pointer) : nil
            }
        }
    }
}
