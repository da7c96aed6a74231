import Core
import Host
import Platform

/// The VPN as the laptop sees it.
public struct VPNView: Codable, Sendable {
    /// Whether nothing is wrong with it.
    public var up: Bool
    /// Its interface here; `nil` where there is none, or where the target is reached without it.
    public var interface: String?
    /// This machine's address on it.
    public var address: String?
    /// What is wrong.
    public var reason: String?

    /// Looks at the interface that has an address in the VPN's network; nothing is sent.
    ///
    /// - Parameters:
    ///   - target: whom to reach.
    ///   - topology: its network.
    ///   - machine: answers for this machine.
    static func look(
        towards target: IPAddress, _ topology: Topology, _ machine: any NetworkQuestions
    ) async -> VPNView {
        guard let network = topology.vpnNetwork, network.contains(target) else { return VPNView(up: true) }
        guard let own = machine.interfaces().first(where: { network.contains($0.address) }) else {
            return VPNView(
                up: false,
                reason:
                    "no interface of this machine has an address in the VPN's network \(network): the VPN client is not "
                    + "running, or has not connected")
        }
        var view = VPNView(up: true, interface: own.name, address: own.address.description)
        view.reason = machine.fault(of: own.name)
        if view.reason == nil { view.reason = await machine.vpnSilence(on: own.name) }
        view.up = view.reason == nil
        return view
    }
}
