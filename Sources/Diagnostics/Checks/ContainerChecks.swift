import Core
import Host
import FoundationEssentials
import Platform

/// The checks of ``ContainerDoctor``.
extension Check {
    /// The host's VPN, as its agent tells.
    static let hostsLink = Check(.vpnLink, deadline: nil) { facts in
        switch await facts.askAgent() {
        case .success(let report) where report.vpn.up == false: throw ForwardCheck.linkIsDown
        case .success(let report):
            let place = "the host has \(report.vpn.address) on \(report.vpn.interface)"
            return report.vpn.up == nil ? .notKnown(place + ", if it is up") : .proven(place)
        case .failure(let silence): return .notKnown("not known here: \(silence.message)")
        }
    }

    /// The container's own interface and route.
    static let routeToHost = Check(.route, needs: [.vpnLink]) { facts in
        let topology = facts.topology
        guard let own = facts.network.interfaces().first(where: { $0.address == IPAddress(topology.containerAddress) })
        else {
            throw HopFailure(
                "no interface of the container has the address \(topology.containerAddress)", .owner,
                "restart the container's network")
        }
        if let fault = facts.network.fault(of: own.name) {
            throw HopFailure(fault, .expert, "ip link set \(own.name) up")
        }
        guard let host = IPAddress(topology.hostVPNAddress), let way = facts.network.interface(towards: host) else {
            throw HopFailure(
                "the container has no route to the VPN", .expert,
                "ip route add default via \(topology.hostContainerAddress)")
        }
        return .proven("by \(way.name), from \(own.address)")
    }

    /// Whether the host is at the other end of the container's network.
    static let neighbouringHost = Check(.host, needs: [.route], deadline: nil) { facts in
        let topology = facts.topology
        let address = topology.hostContainerAddress
        var silence: String?
        do throws(ScoutError) {
            _ = try await facts.network.read(
                host: address, port: topology.hostControlPort, deadline: .seconds(1), until: { _ in true })
        } catch {
            silence = error.message
        }
        // Whatever it answers, it has to tell its hardware address for that.
        switch IPAddress(address).flatMap({ facts.network.neighbourAnswers($0) }) {
        case false:
            throw HopFailure(
                "the host does not answer at \(address)", .owner,
                "look at \(topology.containerInterface) on the LiveOS")
        case nil where silence != nil:
            return .notKnown("no hardware address to go by, and \(silence ?? "no answer")")
        default: return .proven("\(address) is there")
        }
    }

    /// Nobody has to prove himself to his own machine.
    static let ownHostKey = Check(.hostKey, needs: [.host]) { _ in .proven("not needed inside the container") }

    /// Whether the container's sshd answers.
    static let ownSSHServer = Check(.sshAuth, needs: [.hostKey]) { facts in
        let topology = facts.topology
        do throws(ScoutError) {
            let said = try await facts.network.sshBanner(
                host: topology.containerAddress, port: topology.sshPort, deadline: .seconds(3))
            guard said.line != nil else {
                throw ScoutError(.unreachable, "port \(topology.sshPort) answers, but does not speak SSH")
            }
            return .proven("the container's sshd answers on port \(topology.sshPort)")
        } catch {
            throw HopFailure(
                "the container's sshd is down: \(error.message)", .expert, "start sshd: systemctl start ssh")
        }
    }

    /// This program.
    static let ownToolkit = Check(.toolkit, needs: [.sshAuth]) { facts in
        .proven("scout \(try await facts.reached().version().version)")
    }

    /// Who listens on the port.
    static let ownListener = Check(.listener, needs: [.toolkit], deadline: nil) { facts in
        let asked = facts.wanted.map { [$0] } ?? Array(facts.topology.reservedPorts)
        let found = try await facts.reached().withProbe(asked, nonce: facts.nonce) { $0 }
        guard let row = found.ports.first(where: { $0.state == .probing }) ?? found.ports.first else {
            throw ScoutError(.usage, "there is no port to check")
        }
        facts.row = row
        return .proven(try listener(row, facts.topology))
    }

    /// What the host does with the port, as its agent tells.
    static let forwardByAgent = Check(.forward, needs: [.listener], deadline: nil) { facts in
        let row = try facts.probed()
        switch await facts.askAgent() {
        case .success(let report):
            let finding = try ForwardCheck.judge(report, row.port)
            facts.remark = (
                "the way from outside is not proven", Advice(.expert, "scout doctor \(row.port) on the laptop")
            )
            return finding
        case .failure(let silence):
            throw HopFailure(
                "what the host forwards is not known: \(silence.message)", .owner,
                "start 'scout host agent' on the LiveOS; scout doctor on the laptop finds out without it")
        }
    }
}
