import Core
import FoundationEssentials
import Glibc
import Platform

/// The process that keeps one leased port: it accepts, checks who may connect, and hands each connection to a server of
/// its own, with the one descriptor of the source that it holds. No byte passes through it.
///
/// One thread, one `poll` loop. Its servers die with it, however it dies.
public final class Gate {
    private let spec: GateSpec
    private var lease: LeaseReport
    private let directory: PrivateDirectory
    private let control: CInt
    private let log: GateLog
    private let clients: GateClients
    private var listener: CInt? = GateSpec.Descriptor.listener
    private var stopping: ContinuousClock.Instant?

    /// Runs a gate on the descriptors that ``GateSpec/Descriptor`` names, until it is released, idle or killed.
    ///
    /// Blocks the calling thread.
    public static func run() throws {
        typealias Given = GateSpec.Descriptor
        let settings = try ScoutError.wrap(Daemon.takeSettings(Given.spec))
        let spec = try JSON.decoder().decode(GateSpec.self, from: Data(settings))
        do throws(SystemError) {
            try Daemon.settle([Given.lock, Given.listener, Given.ready, Given.source])
        } catch {
            throw ScoutError(.usage, "a gate is started by scout serve, with its descriptors: \(error.message)")
        }
        let gate = try Gate(spec)
        try gate.loop()
    }

    private init(_ spec: GateSpec) throws {
        self.spec = spec
        var info = stat()
        guard fstat(GateSpec.Descriptor.source, &info) == 0, SourceIdentity(info) == spec.source else {
            throw ScoutError(.refused, "the gate was not given \(spec.lease.source) (\(spec.source.text))")
        }
        lease = spec.lease
        lease.pid = getpid()
        log = try GateLog(
            LeaseStore.log(spec.lease.port), in: ScoutError.wrap(PrivateDirectory(spec.logDirectory)))
        clients = GateClients(
            spec, deathSignal: try ScoutError.wrap(GroupDeathSignal()), log: log)
        directory = try ScoutError.wrap(PrivateDirectory(spec.directory))
        control = try GateControl.listen(at: LeaseStore.control(spec.lease.port), in: directory)
        let description = try JSON.encode(lease)
        try ScoutError.wrap(directory.replace(LeaseStore.lease(spec.lease.port), with: description))
        // Held open until the end: who asks about this process reads it by the descriptor, see GateProcess.
        guard try ScoutError.wrap(directory.open(LeaseStore.lease(spec.lease.port), O_RDONLY)) != nil else {
            throw ScoutError(.cannotCreate, "\(directory.path) is no longer there")
        }
    }

    private func loop() throws {
        let caught = [SIGTERM, SIGCHLD]
        let signals = try ScoutError.wrap(CaughtSignals(caught, evenIfIgnored: Set(caught)))
        for signal in [SIGPIPE, SIGHUP, SIGINT] { SignalAction.ignored.install(for: signal) }
        log.note("serving \(spec.lease.source) as \(spec.lease.name) on \(spec.lease.bind)")
        // Who started this gate may be gone; the lease stands all the same.
        Daemon.tellReady(GateSpec.Descriptor.ready)

        while !isOver {
            var waiting = [
                pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: control, events: Int16(POLLIN), revents: 0),
                pollfd(fd: listener ?? -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: log.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            if poll(&waiting, nfds_t(waiting.count), timeout) < 0 {
                // Nothing was looked at. ENOMEM passes, and to leave would end a service that is well.
                if errno != EINTR { usleep(100_000) }
                continue
            }
            if waiting[0].revents != 0 { take(signals.pending()) }
            if waiting[1].revents != 0 { answer() }
            if waiting[2].revents != 0, let listener { clients.admit(from: listener) }
            clients.look()
            log.drain()
            leaveWhenDue()
        }
        log.note("released after \(clients.report.connections) connections, \(clients.report.bytesSent) bytes sent")
        log.finish()
        LeaseStore.clear(spec.lease.port, in: directory)
        removeLock()
    }

    /// Only if it is still this gate's: whoever cleared the directory may have let another begin.
    private func removeLock() {
        var held = stat()
        var named = stat()
        let name = LeaseStore.lock(spec.lease.port)
        guard fstat(GateSpec.Descriptor.lock, &held) == 0,
            fstatat(directory.descriptor, name, &named, AT_SYMLINK_NOFOLLOW) == 0, held.st_ino == named.st_ino
        else { return }
        directory.remove(name)
    }

    private var lastGrace: Duration { .seconds(spec.ending.lastGraceSeconds) }

    private var isOver: Bool {
        guard let stopping else { return false }
        return clients.isEmpty || ContinuousClock.now >= stopping + lastGrace
    }

    /// Milliseconds until something is due; -1 where nothing is.
    private var timeout: CInt {
        var due = [clients.due, log.due].compactMap { $0 }
        if let stopping {
            due.append(ContinuousClock.now < stopping ? stopping : stopping + lastGrace)
        } else if let idle = spec.idleSeconds, clients.isIdle {
            due.append(clients.idleSince + .seconds(idle))
        }
        return due.min().map { ($0 - .now).pollTimeout } ?? -1
    }

    private func leaveWhenDue() {
        if let stopping {
            if ContinuousClock.now >= stopping { clients.signal(SIGKILL) }
        } else if let idle = spec.idleSeconds, clients.isIdle, ContinuousClock.now >= clients.idleSince + .seconds(idle)
        {
            log.note("no client for \(idle) s")
            stop()
        }
    }

    private func take(_ signals: [CInt]) {
        if signals.contains(SIGCHLD) { clients.reap() }
        if signals.contains(SIGTERM) { stop() }
    }

    /// Closes the door, and asks every server to leave; those that stay are killed when their time is over.
    private func stop() {
        guard stopping == nil else { return }
        stopping = .now + .seconds(spec.ending.graceSeconds)
        if let listener { close(listener) }
        listener = nil
        clients.signal(spec.ending.signal)
    }

    private func answer() {
        GateControl.answer(on: control) { request in
            switch request {
            case .status: return try? JSON.encoder().encode(PortsReport.Lease(service: lease, traffic: clients.report))
            case .release:
                stop()
                return Data()
            }
        }
    }
}
