import Core
import Host
import FoundationEssentials
import Platform
import SystemPackage

/// Why the container's sshd can't be reached, as far as it can be found out from the laptop.
struct HostUnreachableCheck: Sendable {
    private let facts: Facts

    private var host: String { facts.host }
    private var topology: Topology { facts.topology }

    init(_ facts: Facts) {
        self.facts = facts
    }

    /// - Parameter error: what dialling said.
    func explain(_ error: ScoutError) async -> HopFailure {
        let said = error.message
        let isRefused = error.errno == .connectionRefused
        if let address = IPAddress(host), await isAbsent(address, isRefused: isRefused) { return await absent(said) }
        if let listing = try? await facts.scout.hostListing(asks: false, deadline: .seconds(3)) {
            return explain(said, listing)
        }
        if isRefused {
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
    private func isAbsent(_ address: IPAddress, isRefused: Bool) async -> Bool {
        if facts.network.neighbourAnswers(address) == false { return true }
        guard !isRefused else { return false }
        return await facts.network.answersPing(address) == false
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
                advice(other))
        }
        return HopFailure(
            "\(said), and nobody else on the VPN is this scout: the LiveOS is off, or its VPN process is dead", .owner,
            "restart the VPN on the LiveOS, and tell the expert its address: it changes with several scouts on one VPN")
    }

    private func advice(_ other: String) -> String {
        guard let target = facts.subject.target else { return "name the new address: --target \(other)" }
        let configuration = facts.subject.configuration
        return configuration.targets[target.name] != nil
            ? Self.renaming(target, to: other, configuration)
            : "name the new address: --target \(Self.address(target, at: other))"
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
        let mine = Set(facts.network.interfaces().map(\.address))
        let prefix = own.bytes.dropLast().map(String.init).joined(separator: ".")
        let candidates = (2...Self.clients + 2).compactMap { IPAddress("\(prefix).\($0)") }
            .filter { !mine.contains($0) && $0 != own && network.contains($0) }
        return await withTaskGroup(of: String?.self) { [scout = facts.scout] group in
            for candidate in candidates {
                group.addTask { await scout.answers(at: candidate.description) ? candidate.description : nil }
            }
            for await found in group where found != nil { return found }
            return nil
        }
    }
}
