import Core
import Ports

/// What ``Doctor`` can check from inside the container: all but the way from outside.
public struct ContainerDoctor: Sendable {
    private let subject: Subject
    private let version: String
    private let recorder = HopRecorder()

    /// - Parameters:
    ///   - subject: this container.
    ///   - version: of the toolkit that runs here.
    public init(_ subject: Subject, version: String) {
        self.subject = subject
        self.version = version
    }

    /// - Parameter port: the port to look at; `nil` takes a free one.
    public func examine(_ port: UInt16?) async -> DoctorReport {
        var port = port
        do {
            let answer = await agentsAnswer()
            try await checkLink(answer)
            try await checkContainer()
            port = try await checkPort(port, answer)
        } catch {
            // Noted by the recorder.
        }
        return await recorder.report(
            port: port, needed: [.listener, .forward],
            success: "seen from inside, port \(port.map { "\($0)" } ?? "-") is well")
    }

    private func agentsAnswer() async -> Result<ForwardsReport, ScoutError> {
        do {
            return .success(try await subject.opener.withContainer { try await $0.forwards() })
        } catch {
            return .failure(error as? ScoutError ?? ScoutError(.failed, "\(error)"))
        }
    }

    private func checkLink(_ answer: Result<ForwardsReport, ScoutError>) async throws {
        let topology = subject.topology
        let now = ContinuousClock.now
        switch answer {
        case .success(let report) where report.vpn.up == false:
            throw await recorder.fail(.vpnLink, ForwardCheck.linkIsDown, since: now)
        case .success(let report):
            let place = "the host has \(report.vpn.address) on \(report.vpn.interface)"
            await recorder.note(
                .vpnLink, report.vpn.up, place + (report.vpn.up == nil ? ", if it is up" : ""), since: now)
        case .failure(let silence):
            await recorder.note(.vpnLink, nil, "not known here: \(silence.message)", since: now)
        }
        _ = try await recorder.step(.route) { () -> (Bool, String) in
            guard let own = NetworkInterface.all().first(where: { $0.address == IPAddress(topology.containerAddress) })
            else {
                throw HopFailure(
                    "no interface of the container has the address \(topology.containerAddress)", .owner,
                    "restart the container's network")
            }
            if let fault = Route.fault(of: own.name) { throw HopFailure(fault, .expert, "ip link set \(own.name) up") }
            guard let host = IPAddress(topology.hostVPNAddress), let way = Route.interface(towards: host) else {
                throw HopFailure(
                    "the container has no route to the VPN", .expert,
                    "ip route add default via \(topology.hostContainerAddress)")
            }
            return (true, "by \(way.name), from \(own.address)")
        }
    }

    private func checkContainer() async throws {
        let topology = subject.topology
        let begun = ContinuousClock.now
        let address = topology.hostContainerAddress
        var silence: String?
        do throws(ScoutError) {
            _ = try await Greeting.read(host: address, port: topology.hostControlPort, deadline: .seconds(1)) { _ in
                true
            }
        } catch {
            silence = error.message
        }
        // Whatever it answers, it has to tell its hardware address for that.
        switch IPAddress(address).flatMap({ Route.neighbourAnswers($0) }) {
        case false:
            throw await recorder.fail(
                .host,
                HopFailure(
                    "the host does not answer at \(address)", .owner,
                    "look at \(topology.containerInterface) on the LiveOS"), since: begun)
        case nil where silence != nil:
            await recorder.note(
                .host, nil, "no hardware address to go by, and \(silence ?? "no answer")", since: begun)
        default: await recorder.note(.host, true, "\(address) is there", since: begun)
        }
        let start = ContinuousClock.now
        await recorder.note(.hostKey, true, "not needed inside the container", since: start)
        _ = try await recorder.step(.sshAuth) { () -> (Bool, String) in
            do throws(ScoutError) {
                let greeting = try await Greeting.ssh(
                    host: topology.containerAddress, port: topology.sshPort, deadline: .seconds(3))
                guard greeting.identification != nil else {
                    throw ScoutError(.unreachable, "port \(topology.sshPort) answers, but does not speak SSH")
                }
                return (true, "the container's sshd answers on port \(topology.sshPort)")
            } catch {
                throw HopFailure(
                    "the container's sshd is down: \(error.message)", .expert, "start sshd: systemctl start ssh")
            }
        }
        await recorder.note(.toolkit, true, "scout \(version)", since: start)
    }

    private func checkPort(_ wanted: UInt16?, _ answer: Result<ForwardsReport, ScoutError>) async throws -> UInt16 {
        let subject = subject
        let row = try await recorder.step(.listener) { () -> (ProbeReport.Row, String) in
            let asked = wanted.map { [$0] } ?? Array(subject.topology.reservedPorts)
            let probe = try PortProbe(
                asked, nonce: PortReachability.nonce(), topology: subject.topology, paths: subject.paths)
            guard let row = probe.report.ports.first(where: { $0.state == .probing }) ?? probe.report.ports.first else {
                throw ScoutError(.usage, "there is no port to check")
            }
            return (row, try Doctor.listener(row, subject.topology))
        }
        let now = ContinuousClock.now
        do throws(HopFailure) {
            switch answer {
            case .success(let report):
                await recorder.note(.forward, try ForwardCheck.judge(report, row.port), since: now)
            case .failure(let silence):
                throw HopFailure(
                    "what the host forwards is not known: \(silence.message)", .owner,
                    "start 'scout host agent' on the LiveOS; scout doctor on the laptop finds out without it")
            }
        } catch {
            throw await recorder.fail(.forward, error, since: now)
        }
        await recorder.remark(
            "the way from outside is not proven",
            advice: "expert: scout doctor \(row.port) on the laptop")
        return row.port
    }
}
