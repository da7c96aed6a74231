public import Core
import FoundationEssentials
import Sessions
import Synchronization

/// Walks the way from the laptop to a port of the container, hop by hop, to the first that fails.
public struct Doctor: Sendable {
    let subject: Subject
    let target: Target
    let recorder = HopRecorder()

    /// - Parameters:
    ///   - subject: the scout.
    ///   - target: where it is.
    public init(_ subject: Subject, at target: Target) {
        self.subject = subject
        self.target = target
    }

    private var topology: Topology { subject.topology }
    private var host: String { target.address.host }
    private var sshPort: UInt16 { target.address.port ?? topology.sshPort }

    /// - Parameter port: the port to prove; `nil` takes a free one.
    public func examine(_ port: UInt16?) async -> DoctorReport {
        let chosen = Mutex(port)
        do {
            try await checkLink()
            try await checkHost()
            try await checkSession { container in
                let row = try await settleListener(container, port)
                chosen.withLock { $0 = row.port }
            }
        } catch {
            // Noted by the recorder, as the reason why the rest was not reached.
        }
        let proven = chosen.withLock { $0 }
        return await recorder.report(
            port: proven, needed: [.endToEnd], success: "port \(proven.map { "\($0)" } ?? "-") works end to end")
    }

    // MARK: The VPN, from here

    private func checkLink() async throws {
        let (host, topology) = (host, topology)
        guard let address = IPAddress(host) else {
            // A name's address is the resolver's business; what follows shows whether it answers.
            let now = ContinuousClock.now
            await recorder.note(.vpnLink, nil, "\(host) is a name: not checked", since: now)
            await recorder.note(.route, nil, "\(host) is a name: not checked", since: now)
            return
        }
        let link = try await recorder.step(.vpnLink) { () -> (String?, String) in
            let view = await VPNView.look(towards: address, topology)
            if let reason = view.reason {
                throw HopFailure(reason, .expert, "restart the VPN client, and look into its log")
            }
            guard let interface = view.interface, let own = view.address else {
                return (nil, "\(host) is not in the VPN's network: reached without it")
            }
            return (interface, "\(interface) is up, \(own)")
        }
        _ = try await recorder.step(.route) { () -> (Bool, String) in
            guard let way = Route.interface(towards: address) else {
                throw HopFailure(
                    "there is no route to \(host)", .expert, "ip route get \(host); restart the VPN client")
            }
            if let link, way.name != link, !way.address.isLoopback {
                throw HopFailure(
                    "packets for \(host) leave by \(way.name), not by the VPN's \(link): another network here uses the same "
                        + "addresses", .expert, "ip route get \(host); leave that network, or add a route by \(link)")
            }
            return (true, "by \(way.name), from \(way.address)")
        }
    }

    // MARK: The host

    private func checkHost() async throws {
        let start = ContinuousClock.now
        do {
            let greeting = try await Greeting.ssh(host: host, port: sshPort, deadline: .seconds(5))
            guard let banner = greeting.identification else {
                throw HopFailure(
                    greeting.text.isEmpty
                        ? "\(host) port \(sshPort) accepts the connection, and no SSH server speaks"
                        : "\(host) port \(sshPort) is no SSH server: it says \"\(greeting.text.prefix(200))\"", .owner,
                    "look at sshd in the container")
            }
            await recorder.note(.host, true, "\(host) port \(sshPort) answers: \(banner)", since: start)
        } catch let error as HopFailure {
            throw await recorder.fail(.host, error, since: start)
        } catch {
            throw await recorder.fail(.host, await HostUnreachableCheck(doctor: self).explain(error), since: start)
        }
    }

    private func checkSession(_ body: @escaping @Sendable (RemoteContainer) async throws -> Void) async throws {
        let begun = Mutex((step: Connector.Step.dialling, since: ContinuousClock.now))
        var connector = subject.connector
        connector.onStep = { step in begun.withLock { $0 = (step, .now) } }
        let recorder = recorder
        let reached = Atomic(false)
        do {
            try await connector.withContainer(
                at: subject.address(of: target), reservedPorts: topology.reservedPorts, remark: { _ in }
            ) { container in
                reached.store(true, ordering: .releasing)
                let since = begun.withLock { $0.since }
                await recorder.note(.hostKey, true, "the key is the known one", since: since)
                await recorder.note(.sshAuth, true, "logged in as \(target.address.user ?? "root")", since: since)
                if await container.isHost {
                    throw await recorder.fail(
                        .toolkit,
                        HopFailure(
                            "this is the host itself, not the container: port \(sshPort) leads to the wrong sshd",
                            .owner,
                            "scout host forwarding apply"), since: .now)
                }
                _ = try await recorder.step(.toolkit) {
                    switch try await container.toolkit() {
                    case .shellFails(let error): throw HopFailure(error, .owner)
                    case .version(let version, let noise):
                        let text = "scout \(version) is in the container"
                        guard let noise else { return (version, text) }
                        return (
                            version,
                            text + "; the login shell prints '\(noise)' around each command, which is passed over: "
                                + "the expert can remove that from its start-up files (~/.bashrc)"
                        )
                    }
                }
                try await body(container)
            }
        } catch let error as ScoutError where !reached.load(ordering: .acquiring) {
            let (step, since) = begun.withLock { $0 }
            if step == .login { await recorder.note(.hostKey, true, "the key is the known one", since: since) }
            throw await recorder.fail(step == .login ? .sshAuth : .hostKey, HopFailure(error), since: since)
        }
    }

    // MARK: The port

    /// Checks who listens, what the host forwards, and the whole way; the three belong to one probe.
    private func settleListener(_ container: RemoteContainer, _ wanted: UInt16?) async throws -> ProbeReport.Row {
        let recorder = recorder
        let start = ContinuousClock.now
        if let wanted, wanted == topology.sshPort {
            await recorder.note(.listener, true, "sshd listens", since: start)
            await recorder.note(.forward, true, "this very session came through it", since: start)
            await recorder.note(.endToEnd, true, "this very session came through it", since: start)
            return ProbeReport.Row(port: wanted, state: .foreign)
        }
        let nonce = PortReachability.nonce()
        let asked = wanted.map { [$0] } ?? Array(topology.reservedPorts)
        do {
            return try await container.withProbe(asked, nonce: nonce) { found in
                guard let row = found.ports.first(where: { $0.state == .probing }) ?? found.ports.first else {
                    throw ScoutError(.protocolViolation, "the container does not say what is on the port")
                }
                _ = try await recorder.step(.listener) { (true, try Self.listener(row, topology)) }
                try await ForwardCheck(doctor: self, row: row, nonce: nonce).check(container)
                return row
            }
        } catch let error as ScoutError {
            throw await recorder.fail(.listener, HopFailure(error), since: start)
        }
    }

    /// Who listens, or why nobody can reach it.
    static func listener(_ row: ProbeReport.Row, _ topology: Topology) throws -> String {
        let program = row.process.map { "\($0.name) (pid \($0.pid))" } ?? "another program"
        switch row.state {
        case .probing: return "nothing is served on port \(row.port): a probe listens there for now"
        case .leased:
            guard let lease = row.lease, lease.traffic != nil else {
                throw HopFailure(
                    "the service of port \(row.port) does not listen any more: its gate does not answer", .expert,
                    "scout release \(row.port), and serve it again")
            }
            return "\(lease.service.name) is served, \(lease.service.source)"
        case .foreign: return "\(program) listens, without a lease"
        case .loopbackOnly:
            throw HopFailure(
                "\(program) listens on port \(row.port) of the loopback address only, where nothing from outside arrives",
                .expert, "have it listen on \(topology.containerAddress) or 0.0.0.0")
        case .failed:
            throw HopFailure("nothing can listen on port \(row.port) of the container", .expert, "scout ports")
        }
    }
}
