import Core
import FoundationEssentials
import Glibc
import Logging

/// The process that keeps one leased port: it accepts, checks who may connect, and hands each connection to a server of
/// its own. No byte passes through it.
///
/// One thread, one `poll` loop. Its servers die with it, however it dies.
public final class Gate {
    private let spec: GateSpec
    private var lease: LeaseReport
    private let control: CInt
    private let leash: Leash
    private let log: Logger
    private var listener: CInt? = GateSpec.Descriptor.listener
    private var clients: [pid_t: Visitor] = [:]
    private var traffic = PortsReport.Traffic()
    private var announced: Set<IPAddress> = []
    private var idleSince = ContinuousClock.now
    private var stopping: ContinuousClock.Instant?

    private struct Visitor {
        let connection: CInt
        let address: IPAddress
        let since: Date
    }

    /// Runs a gate on the descriptors that ``GateSpec/Descriptor`` names, until it is released, idle or killed.
    ///
    /// Blocks the calling thread.
    public static func run() throws {
        let spec = try JSON.decoder().decode(GateSpec.self, from: Data(readAll(GateSpec.Descriptor.spec)))
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        dup2(null, GateSpec.Descriptor.spec)
        for descriptor in [GateSpec.Descriptor.lock, GateSpec.Descriptor.listener, GateSpec.Descriptor.ready] {
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        }
        _ = chdir("/")
        let gate = try Gate(spec)
        try gate.loop()
    }

    private init(_ spec: GateSpec) throws {
        self.spec = spec
        lease = spec.lease
        lease.pid = getpid()
        var log = Logger(label: "gate.\(spec.lease.port)") { StreamLogHandler.standardError(label: $0) }
        log.logLevel = .info
        self.log = log
        leash = try Leash()
        control = try GateControl.listen(at: spec.controlPath)
        try File.replace(spec.leasePath, with: JSON.encode(lease))
    }

    private func loop() throws {
        let signals = SignalPipe([SIGTERM, SIGCHLD])
        for ignored in [SIGPIPE, SIGHUP, SIGINT] { signal(ignored, SIG_IGN) }
        log.info("serving \(spec.lease.source) as \(spec.lease.name) on \(spec.lease.bind)")
        var ready: UInt8 = 1
        _ = write(GateSpec.Descriptor.ready, &ready, 1)
        close(GateSpec.Descriptor.ready)

        while !isOver {
            var waiting = [
                pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: control, events: Int16(POLLIN), revents: 0),
                pollfd(fd: listener ?? -1, events: Int16(POLLIN), revents: 0),
            ]
            if poll(&waiting, nfds_t(waiting.count), timeout) < 0, errno != EINTR { break }
            if waiting[0].revents != 0 { take(signals.pending()) }
            if waiting[1].revents != 0 { answer() }
            if waiting[2].revents != 0 { admit() }
            leaveWhenDue()
        }
        log.info("released after \(traffic.connections) connections, \(traffic.bytesSent) bytes sent")
        for path in [spec.controlPath, spec.leasePath, spec.keyPath] { unlink(path) }
    }

    private var isOver: Bool { stopping != nil && clients.isEmpty }

    /// Milliseconds until something is due; -1 where nothing is.
    private var timeout: CInt {
        var due: ContinuousClock.Instant?
        if let stopping {
            due = stopping
        } else if let idle = spec.idleSeconds, clients.isEmpty {
            due = idleSince + .seconds(idle)
        }
        return due.map { CInt(max((($0 - .now) / .milliseconds(1)).rounded(.up), 0)) } ?? -1
    }

    private func leaveWhenDue() {
        if let stopping {
            if ContinuousClock.now >= stopping { for pid in clients.keys { kill(pid, SIGKILL) } }
        } else if let idle = spec.idleSeconds, clients.isEmpty, ContinuousClock.now >= idleSince + .seconds(idle) {
            log.info("no client for \(idle) s")
            stop()
        }
    }

    private func take(_ signals: Set<CInt>) {
        if signals.contains(SIGCHLD) { reap() }
        if signals.contains(SIGTERM) { stop() }
    }

    /// Closes the door, and asks every server to leave; those that stay are killed two seconds later.
    private func stop() {
        guard stopping == nil else { return }
        stopping = .now + .seconds(2)
        if let listener { close(listener) }
        listener = nil
        for pid in clients.keys { kill(pid, SIGTERM) }
    }

    private func reap() {
        for (pid, visitor) in clients where waitpid(pid, nil, WNOHANG) != 0 {
            let moved = TCPInfo.bytes(visitor.connection)
            traffic.bytesSent += moved.sent
            traffic.bytesReceived += moved.received
            close(visitor.connection)
            clients[pid] = nil
            log.info("\(visitor.address) left after \(moved.sent) bytes")
            if clients.isEmpty { idleSince = .now }
        }
    }

    private func admit() {
        guard let listener else { return }
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
        _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
        guard let peer = Self.address(connection, getpeername), mayConnect(peer, connection) else {
            close(connection)
            return
        }
        TCPInfo.noticeDeadPeers(connection)
        let server = ChildProcess(
            executable: spec.executable, arguments: spec.arguments,
            descriptors: [
                (connection, STDIN_FILENO), (connection, STDOUT_FILENO), (STDERR_FILENO, STDERR_FILENO),
                (leash.end, Leash.descriptor),
            ])
        do {
            let pid = try server.start()
            clients[pid] = Visitor(connection: connection, address: peer, since: Date())
            traffic.connections += 1
            log.info("\(peer) connected")
        } catch {
            log.error("no server for \(peer): \(error.message)")
            close(connection)
        }
    }

    private func mayConnect(_ peer: IPAddress, _ connection: CInt) -> Bool {
        let own = peer.isLoopback || peer == Self.address(connection, getsockname)
        var reason: String?
        if !own, !spec.lease.allow.contains(where: { $0.contains(peer) }) {
            reason = "is not allowed"
        } else if clients.count >= spec.maxClients {
            reason = "is one more than \(spec.maxClients) clients"
        }
        guard let reason else { return true }
        traffic.refused += 1
        // Once per address, or a neighbour could fill the disk with our log.
        if announced.count < 1000, announced.insert(peer).inserted { log.warning("turned away: \(peer) \(reason)") }
        return false
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

    private func answer() {
        GateControl.answer(on: control) { request in
            switch request {
            case .status: return try? JSON.encoder().encode(report)
            case .release:
                stop()
                return Data()
            }
        }
    }

    /// What has been seen, with the bytes of those who are still connected.
    private var report: PortsReport.Lease {
        var now = traffic
        for visitor in clients.values.sorted(by: { $0.since < $1.since }) {
            let moved = TCPInfo.bytes(visitor.connection)
            now.bytesSent += moved.sent
            now.bytesReceived += moved.received
            now.clients.append(PortsReport.Client(address: "\(visitor.address)", since: visitor.since))
        }
        return PortsReport.Lease(service: lease, traffic: now)
    }

    private static func readAll(_ descriptor: CInt) -> [UInt8] {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = read(descriptor, &piece, piece.count)
            if count <= 0 { return bytes }
            bytes += piece[..<count]
        }
    }
}
