import Core
import Host
import Platform

extension Check {
    /// The VPN, from here.
    static let vpnLink = Check(.vpnLink) { facts in
        let host = facts.host
        // A name's address is the resolver's business; what follows shows whether it answers.
        guard let address = IPAddress(host) else { return .notKnown("\(host) is a name: not checked") }
        let view = await VPNView.look(towards: address, facts.topology, facts.network)
        if let reason = view.reason {
            throw HopFailure(reason, .expert, "restart the VPN client, and look into its log")
        }
        guard let interface = view.interface, let own = view.address else {
            return .proven("\(host) is not in the VPN's network: reached without it")
        }
        facts.vpnInterface = interface
        return .proven("\(interface) is up, \(own)")
    }

    /// The interface by which packets for the scout leave.
    static let route = Check(.route, needs: [.vpnLink]) { facts in
        let host = facts.host
        guard let address = IPAddress(host) else { return .notKnown("\(host) is a name: not checked") }
        guard let way = facts.network.interface(towards: address) else {
            throw HopFailure("there is no route to \(host)", .expert, "ip route get \(host); restart the VPN client")
        }
        if let link = facts.vpnInterface, way.name != link, !way.address.isLoopback {
            throw HopFailure(
                "packets for \(host) leave by \(way.name), not by the VPN's \(link): another network here uses the same "
                    + "addresses", .expert, "ip route get \(host); leave that network, or add a route by \(link)")
        }
        return .proven("by \(way.name), from \(way.address)")
    }

    /// Whether an SSH server answers at the scout's address.
    static let host = Check(.host, needs: [.route], deadline: nil) { facts in
        let (host, port) = (facts.host, facts.subject.sshPort)
        let said: SSHIdentification
        do throws(ScoutError) {
            said = try await facts.network.sshBanner(host: host, port: port, deadline: .seconds(5))
        } catch {
            throw await HostUnreachableCheck(facts).explain(error)
        }
        guard let banner = said.line else {
            throw HopFailure(
                said.text.isEmpty
                    ? "\(host) port \(port) accepts the connection, and no SSH server speaks"
                    : "\(host) port \(port) is no SSH server: it says \"\(said.text.prefix(200))\"", .owner,
                "look at sshd in the container")
        }
        return .proven("\(host) port \(port) answers: \(banner)")
    }
}
