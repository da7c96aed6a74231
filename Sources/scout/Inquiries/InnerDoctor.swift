import Core
import Forwarding
import Glibc
import Ports

/// What ``Doctor`` can check from inside the container: all but the way from outside.
struct InnerDoctor: Sendable {
    let invocation: Invocation
    private let book = Examination()

    init(invocation: Invocation) {
        self.invocation = invocation
    }

    /// - Parameter port: the port to look at; `nil` takes a free one.
    func examine(_ port: UInt16?) async -> DoctorReport {
        var port = port
        do {
            let answer = await agentsAnswer()
            try await checkLink(answer)
            try await checkContainer()
            port = try await checkPort(port, answer)
        } catch {
            // Noted in the book.
        }
        return await book.report(
            port: port, needed: [.listener, .forward],
            success: "seen from inside, port \(port.map { "\($0)" } ?? "-") is well")
    }

    private func agentsAnswer() async -> Result<ForwardsReport, ScoutError> {
        do {
            return .success(try await LocalContainer(topology: invocation.topology, paths: invocation.paths).forwards())
        } catch {
            return .failure(error as? ScoutError ?? ScoutError(.failed, "\(error)"))
        }
    }

    private func checkLink(_ answer: Result<ForwardsReport, ScoutError>) async throws {
        let topology = invocation.topology
        let now = ContinuousClock.now
        switch answer {
        case .success(let report) where report.vpn.up == false:
            throw await book.fail(.vpnLink, PortWay.linkIsDown, since: now)
        case .success(let report):
            let place = "the host has \(report.vpn.address) on \(report.vpn.interface)"
            await book.note(.vpnLink, report.vpn.up, place + (report.vpn.up == nil ? ", if it is up" : ""), since: now)
        case .failure(let silence):
            await book.note(.vpnLink, nil, "not known here: \(silence.message)", since: now)
        }
        _ = try await book.step(.route) { () -> (Bool, String) in
            guard let own = NetworkInterface.all().first(where: { $0.address == IPAddress(topology.containerAddress) })
            else {
                throw Trouble(
                    "no interface of the container has the address \(topology.containerAddress)", .owner,
                    "restart the container's network")
            }
            if let fault = Route.fault(of: own.name) { throw Trouble(fault, .expert, "ip link set \(own.name) up") }
            guard let host = IPAddress(topology.hostVPNAddress), let way = Route.interface(towards: host) else {
                throw Trouble(
                    "the container has no route to the VPN", .expert,
                    "ip route add default via \(topology.hostContainerAddress)")
            }
            return (true, "by \(way.name), from \(own.address)")
        }
    }

    private func checkContainer() async throws {
        let topology = invocation.topology
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
            throw await book.fail(
                .host,
                Trouble(
                    "the host does not answer at \(address)", .owner,
                    "look at \(topology.containerInterface) on the LiveOS"), since: begun)
        case nil where silence != nil:
            await book.note(
                .host, nil, "no hardware address to go by, and \(silence ?? "no answer")", since: begun)
        default: await book.note(.host, true, "\(address) is there", since: begun)
        }
        let start = ContinuousClock.now
        await book.note(.hostKey, true, "not needed inside the container", since: start)
        _ = try await book.step(.sshAuth) { () -> (Bool, String) in
            do throws(ScoutError) {
                let greeting = try await Greeting.ssh(
                    host: topology.containerAddress, port: topology.sshPort, deadline: .seconds(3))
                guard greeting.identification != nil else {
                    throw ScoutError(.unreachable, "port \(topology.sshPort) answers, but does not speak SSH")
                }
                return (true, "the container's sshd answers on port \(topology.sshPort)")
            } catch {
                throw Trouble(
                    "the container's sshd is down: \(error.message)", .expert, "start sshd: systemctl start ssh")
            }
        }
        await book.note(.toolkit, true, "scout \(Version.text)", since: start)
    }

    private func checkPort(_ wanted: UInt16?, _ answer: Result<ForwardsReport, ScoutError>) async throws -> UInt16 {
        let invocation = invocation
        let row = try await book.step(.listener) { () -> (ProbeReport.Row, String) in
            let asked = wanted.map { [$0] } ?? Array(invocation.topology.reservedPorts)
            let probe = try PortProbe(
                asked, nonce: Reach.nonce(), topology: invocation.topology, paths: invocation.paths)
            guard let row = probe.report.ports.first(where: { $0.state == .probing }) ?? probe.report.ports.first else {
                throw ScoutError(.usage, "there is no port to check")
            }
            return (row, try Doctor.listener(row, invocation.topology))
        }
        let now = ContinuousClock.now
        do throws(Trouble) {
            switch answer {
            case .success(let report): await book.note(.forward, try PortWay.judge(report, row.port), since: now)
            case .failure(let silence):
                throw Trouble(
                    "what the host forwards is not known: \(silence.message)", .owner,
                    "start 'scout host agent' on the LiveOS; scout doctor on the laptop finds out without it")
            }
        } catch {
            throw await book.fail(.forward, error, since: now)
        }
        await book.remark(
            "seen from inside: the way from outside is not proven",
            advice: "expert: scout doctor \(row.port) on the laptop")
        return row.port
    }
}
