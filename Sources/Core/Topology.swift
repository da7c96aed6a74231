public import Platform

/// The addresses, interfaces and ports of one Bitscout: every literal the toolkit knows about the network is here.
///
/// The presets are what `Bitscout Networking` documents, what images since 2021 use, and one where all is this machine.
public struct Topology: Hashable, Sendable {
    /// The name that `--topology` takes.
    public var name: String
    /// The LiveOS host's address on the VPN: what the expert dials.
    public var hostVPNAddress: String
    /// The host's VPN interface.
    public var vpnInterface: String
    /// The host's address towards the container.
    public var hostContainerAddress: String
    /// The host's interface towards the container.
    public var containerInterface: String
    /// The container's address.
    public var containerAddress: String
    /// The TCP port of the container's sshd, forwarded from the VPN.
    public var sshPort: UInt16
    /// The TCP port of the host's own sshd, open while the owner allows host control.
    public var hostControlPort: UInt16
    /// The TCP ports reserved for the expert's services.
    public var reservedPorts: ClosedRange<UInt16>
    /// TCP ports that are forwarded too, but not leased by this toolkit.
    public var additionalPorts: ClosedRange<UInt16>?

    /// The network of the published document; the default.
    public static let documented = Topology(
        name: "documented",
        hostVPNAddress: "10.1.0.2", vpnInterface: "tap0",
        hostContainerAddress: "10.0.3.1", containerInterface: "ve-container", containerAddress: "10.0.3.2",
        sshPort: 22, hostControlPort: 23, reservedPorts: 2000...2009, additionalPorts: nil)

    /// The network of images built since 2021.
    public static let since2021 = Topology(
        name: "22.04",
        hostVPNAddress: "10.5.0.2", vpnInterface: "scout",
        hostContainerAddress: "10.3.0.1", containerInterface: "ve-container", containerAddress: "10.3.0.2",
        sshPort: 22, hostControlPort: 23, reservedPorts: 2000...2009, additionalPorts: 5900...5909)

    /// Everything on this machine, for the demonstration and the tests.
    public static let loopback = Topology(
        name: "loopback",
        hostVPNAddress: "127.0.0.1", vpnInterface: "lo",
        hostContainerAddress: "127.0.0.1", containerInterface: "lo", containerAddress: "127.0.0.1",
        sshPort: 22, hostControlPort: 23, reservedPorts: 2000...2009, additionalPorts: nil)

    /// The presets, the default first.
    public static let presets = [documented, since2021, loopback]

    /// Finds the preset this machine is the container or the host of: the one whose address between the two is on an interface.
    ///
    /// - Parameter interfaces: this machine's addresses; the loopback preset is never detected, it fits everywhere.
    public static func detect(on interfaces: [NetworkInterface]) -> Topology? {
        presets.first { preset in
            [preset.containerAddress, preset.hostContainerAddress].compactMap { IPAddress($0) }.contains { address in
                !address.isLoopback && interfaces.contains { $0.address == address }
            }
        }
    }

    /// Whether this machine carries the container's address.
    public func isContainer(_ interfaces: [NetworkInterface]) -> Bool {
        guard let address = IPAddress(containerAddress) else { return false }
        return address.isLoopback || interfaces.contains { $0.address == address }
    }

    /// Whether a name can stand in a URI as it is: 1 to 64 of the letters, digits, `.`, `_` and `-` of ASCII, but
    /// neither of the two names of directories.
    public static func isExportName(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count) && name != "." && name != ".."
            && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }
    }

    /// The name that an export gets which is asked for by any text: what can't stand in a URI becomes `_`.
    public static func exportName(_ text: String) -> String {
        String(text.map { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) ? $0 : "_" })
    }

    /// The URI of an export as a client dials it (NBD URI specification).
    ///
    /// - Parameters:
    ///   - host: the address to dial; the `%` before a zone is written as `%25` (RFC 6874).
    ///   - port: the TCP port.
    ///   - name: the export's name, of letters, digits, `.`, `_` and `-`.
    ///   - user: who the pre-shared key belongs to; `nil` is plain NBD.
    public static func exportURI(host: String, port: UInt16, name: String, user: String?) -> String {
        let bracketed = host.contains(":") ? "[\(host.replacing("%", with: "%25"))]" : host
        return user.map { "nbds://\($0)@\(bracketed):\(port)/\(name)" } ?? "nbd://\(bracketed):\(port)/\(name)"
    }
}

extension Topology {
    /// How the owner's network cards are named, by pattern, so that one that comes up later is covered too.
    public var lanInterfacePatterns: [String] { ["eth+", "en+", "wlan+", "wl+"] }

    /// The network of the VPN: the 24 bits that all published images use around the host's address.
    public var vpnNetwork: CIDR? { CIDR("\(hostVPNAddress)/24") }

    /// The network between host and container.
    public var containerNetwork: CIDR? { CIDR("\(hostContainerAddress)/24") }

    /// Every TCP port that the host forwards to the container, in order.
    public var forwardedPorts: [UInt16] {
        let all = Set([sshPort]).union(reservedPorts).union(additionalPorts.map(Set.init) ?? [])
        return all.sorted()
    }

    /// The cards by which the host itself reaches its network and the VPN's server, by pattern: those of the LAN, and others
    /// whose network is not the owner's, as of a telephone. What comes in by others is not answered.
    public var uplinkInterfacePatterns: [String] { lanInterfacePatterns + ["usb+", "ww+", "ppp+", "br+", "bond+"] }
}
