import Core
import FoundationEssentials
import Host
import Sessions

/// Why the container's sshd can't be reached, as far as it can be found out from the laptop.
struct HostUnreachableCheck: Sendable {
    let doctor: Doctor

    private var host: String { doctor.target.address.host }
    private var topology: Topology { doctor.subject.topology }

    /// - Parameter error: what dialling said.
    func explain(_ error: any Error) async -> HopFailure {
        let said = (error as? ScoutError)?.message ?? "\(error)"
        if let address = IPAddress(host), await isAbsent(address, said) { return await absent(said) }
        if let listing = try? await ForwardsLookup(doctor.subject).hostListing(
            asks: false, deadline: .seconds(3))
        {
            return explain(said, listing)
        }
        if said.contains("refused") {
            return HopFailure(
                "\(said): sshd in the container is down, or the host forwards the port elsewhere", .owner,
                "start sshd in the container; 'scout host forwarding show' on the LiveOS tells where the port leads")
        }
        return HopFailure(
            "\(said): the LiveOS is there, but its port \(topology.sshPort) leads nowhere: the container or its interface is "
                + "down, or the firewall stops it", .owner,
            "look whether the container runs; 'scout host forwarding show' on the LiveOS tells what the firewall does")
    }

    /// Whether nobody has the address. Who was there a minute ago is remembered for so long, so silence counts as well.
    private func isAbsent(_ address: IPAddress, _ said: String) async -> Bool {
        if Route.neighbourAnswers(address) == false { return true }
        guard !said.contains("refused") else { return false }
        return (try? await PlainThread.run { Ping.answers(address, within: .seconds(2)) }) == false
    }

    /// The host itself tells, over its own sshd.
    private func explain(_ said: String, _ listing: HostListing) -> HopFailure {
        if listing.linkIsUp(topology.containerInterface) == false {
            return HopFailure(
                "\(said): the host's interface to the container, \(topology.containerInterface), is down", .owner,
                "start the container; ip link set \(topology.containerInterface) up")
        }
        let report = listing.report(topology, source: .ssh, checkedAt: Date())
        let forward = report.forwards.first { $0.port == topology.sshPort }
        if let forward, forward.vpn != .open || forward.vpnAddress != nil {
            return HopFailure(
                "\(said): the host does not let port \(forward.port) through: \(forward.reason ?? "no reason given")",
                .owner,
                "scout host forwarding apply")
        }
        return HopFailure(
            "\(said): the host forwards it, so the container's sshd is down, or its interface is", .owner,
            "start sshd in the container")
    }

    // MARK: Nobody has the address

    private func absent(_ said: String) async -> HopFailure {
        if let other = await elsewhere() {
            return HopFailure(
                "\(said): nobody on the VPN has this address, but the same scout, by its host key, answers at \(other): its VPN "
                    + "address has changed", .expert,
                doctor.subject.configuration.targets[doctor.target.name] != nil
                    ? Self.renaming(doctor.target, to: other, doctor.subject.configuration)
                    : "name the new address: --target \(Self.address(doctor.target, at: other))")
        }
        return HopFailure(
            "\(said), and nobody else on the VPN is this scout: the LiveOS is off, or its VPN process is dead", .owner,
            "restart the VPN on the LiveOS, and tell the expert its address: it changes with several scouts on one VPN")
    }

    /// The same user and port at another address, as a word for the shell.
    private static func address(_ target: Target, at other: String) -> String {
        var address = target.address
        address.host = other
        return word(address.description)
    }

    private static func word(_ text: String) -> String {
        text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_./@:".contains($0)) }
            ? text : "'" + text.replacing("'", with: #"'\''"#) + "'"
    }

    /// The commands that give a target another address, and keep all else of it.
    static func renaming(_ target: Target, to other: String, _ configuration: Configuration) -> String {
        // As it is remembered: the command line may have named other things for once.
        let known = configuration.targets[target.name] ?? target
        let options = [("--identity", known.identity), ("--topology", known.topology)].compactMap { name, value in
            value.map { " \(name) \(word($0))" }
        }
        let use = configuration.defaultTarget == known.name ? "; scout target use \(known.name)" : ""
        return "scout target remove \(known.name); scout target add \(known.name) \(address(known, at: other))"
            + options.joined() + use
    }

    /// How many clients a Bitscout VPN server admits; their addresses follow its own.
    private static let clients = 10

    /// The VPN address at which the host key is the one that is known for this target.
    private func elsewhere() async -> String? {
        guard let network = topology.vpnNetwork, let own = IPAddress(host), network.contains(own) else { return nil }
        let mine = Set(NetworkInterface.all().map(\.address))
        var connector = doctor.subject.connector
        connector.deadline = .seconds(2)
        connector.terminal = nil
        let address = doctor.subject.address(of: doctor.target)
        let prefix = own.bytes.dropLast().map(String.init).joined(separator: ".")
        let candidates = (2...Self.clients + 2).compactMap { IPAddress("\(prefix).\($0)") }
            .filter { !mine.contains($0) && $0 != own && network.contains($0) }
        return await withTaskGroup(of: String?.self) { [connector] group in
            for candidate in candidates {
                group.addTask {
                    await connector.isKnown(address, at: candidate.description) ? candidate.description : nil
                }
            }
            for await found in group where found != nil { return found }
            return nil
        }
    }
}
