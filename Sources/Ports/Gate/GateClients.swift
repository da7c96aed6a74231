import Core
import FoundationEssentials
import Glibc
import Platform

/// The clients of a gate, each with a server of its own.
///
/// Whoever connects first has to agree with its server on what is served, TLS included. Until then it has a place among the
/// handshakes, of which there are only so many and which end after a while; from then on it is a client and counts.
/// A server opens the source for a client when, and only when, that is done, and the kernel shows whether it has:
/// Docs/decisions/0003-who-counts-as-a-client.md.
final class GateClients {
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
    private let entrance: GateGuard
    private let deathSignal: GroupDeathSignal
    private let log: GateLog
    /// What the kernel calls the source.
    private let sourceLink: String
    private var clients: [pid_t: Client] = [:]
    private var traffic = PortsReport.Traffic()
    private var announced: Set<IPAddress> = []

    /// When the last client that counted left.
    private(set) var idleSince = ContinuousClock.now

    init(_ spec: GateSpec, deathSignal: GroupDeathSignal, log: GateLog) {
        self.spec = spec
        entrance = GateGuard(allow: spec.lease.allow, maxClients: spec.maxClients)
        self.deathSignal = deathSignal
        self.log = log
        sourceLink = DirectoryListing.link("/proc/self/fd/\(GateSpec.Descriptor.source)")
    }

    /// Whether there is not a single server.
    var isEmpty: Bool { clients.isEmpty }
    /// Whether nobody is there who counts.
    var isIdle: Bool { !clients.values.contains { $0.counts } }

    private var counted: Int { clients.values.count { $0.counts } }

    private var handshakes: [GateGuard.Handshake] {
        clients.filter { !$0.value.counts && !$0.value.isEnded }
            .map { GateGuard.Handshake(pid: $0.key, address: $0.value.address, came: $0.value.came) }
            .sorted { $0.came < $1.came }
    }

    /// When to look at the handshakes again; `nil` where there is none.
    var due: ContinuousClock.Instant? {
        guard let newest = handshakes.last?.came else { return nil }
        return .now + (ContinuousClock.now - newest < .seconds(1) ? .milliseconds(20) : .milliseconds(200))
    }

    /// What has been seen, with the bytes of those who are still connected.
    var report: PortsReport.Traffic {
        var now = traffic
        now.handshakes = clients.values.count { !$0.counts }
        for client in clients.values.sorted(by: { $0.since < $1.since }) {
            now.count(TCPState(client.connection))
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
        let next: CInt?
        do throws(SystemError) { next = try ListeningSocket.accept(listener) } catch {
            // The connection stays in the queue, so wait rather than spin.
            usleep(100_000)
            return
        }
        guard let connection = next else { return }
        look()
        guard let peer = Self.address(connection, getpeername) else {
            close(connection)
            return
        }
        let local = Self.address(connection, getsockname)
        if let reason = entrance.refusal(of: peer, at: local, clients: counted) {
            turnAway(peer, reason)
            close(connection)
            return
        }
        if let victim = entrance.victim(of: handshakes, for: peer) {
            end(victim.pid, "had not finished its handshake when others came")
        }
        start(connection, peer)
    }

    private func start(_ connection: CInt, _ peer: IPAddress) {
        TCPState.noticeDeadPeers(on: connection)
        do throws(ScoutError) {
            let pid = try spec.server.start(
                on: connection, errors: log.serversEnd, source: GateSpec.Descriptor.source, deathSignal: deathSignal)
            clients[pid] = Client(connection: connection, address: peer, since: Date(), came: .now)
            traffic.connections += 1
            log.note("\(peer) connected")
        } catch {
            log.note("no server for \(peer): \(error.message)")
            close(connection)
        }
    }

    private func turnAway(_ peer: IPAddress, _ reason: String) {
        traffic.refused += 1
        // Once per address, or a neighbour could fill the disk with our log.
        if announced.count < 1000, announced.insert(peer).inserted { log.note("turned away: \(peer) \(reason)") }
    }

    /// Sees whose handshake is done, and ends those that take too long or are one too many.
    func look() {
        for handshake in handshakes {
            if hasOpenedSource(handshake.pid) {
                if let reason = entrance.refusal(clients: counted) {
                    end(handshake.pid, reason)
                } else {
                    clients[handshake.pid]?.counts = true
                }
            } else if let reason = entrance.refusal(of: handshake, at: .now) {
                end(handshake.pid, reason)
            }
        }
    }

    /// Whether a server holds the source open beside the descriptor that it was given.
    private func hasOpenedSource(_ pid: pid_t) -> Bool {
        let given = "\(ServerCommand.sourceDescriptor)"
        return DirectoryListing.names(in: "/proc/\(pid)/fd").contains {
            $0 != given && DirectoryListing.link("/proc/\(pid)/fd/\($0)") == sourceLink
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
            let moved = TCPState(client.connection)
            traffic.count(moved)
            close(client.connection)
            clients[pid] = nil
            log.note("\(client.address) left after \(moved?.bytesAcknowledged ?? 0) bytes")
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

extension PortsReport.Traffic {
    /// Adds what has moved over a connection.
    fileprivate mutating func count(_ moved: TCPState?) {
        bytesSent += moved?.bytesAcknowledged ?? 0
        bytesReceived += moved?.bytesReceived ?? 0
    }
}
