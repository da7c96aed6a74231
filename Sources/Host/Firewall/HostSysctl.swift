import Core
import Glibc
import Platform

/// What the kernel must be told beside the rules (ip-sysctl.rst): that it forwards IPv4, and where no router is.
enum HostSysctl {
    private static let forwarding = "/proc/sys/net/ipv4/ip_forward"

    /// The interfaces behind which there is no router of the host's.
    private static func interfaces(_ topology: Topology) -> [String] {
        [topology.containerInterface, topology.vpnInterface].filter { $0 != "lo" && !$0.contains("/") }
    }

    /// Their `accept_ra`, where they are there now.
    private static func advertisements(_ topology: Topology) -> [String] {
        interfaces(topology).map { "/proc/sys/net/ipv6/conf/\($0)/accept_ra" }.filter { access($0, F_OK) == 0 }
    }

    /// Their `forwarding`, where they are there now: `ip_forward` sets it once, and an interface may have lost it since.
    private static func forwards(_ topology: Topology) -> [String] {
        interfaces(topology).map { "/proc/sys/net/ipv4/conf/\($0)/forwarding" }.filter { access($0, F_OK) == 0 }
    }

    /// Whether all is as ``apply(_:_:)`` leaves it.
    static func isApplied(_ topology: Topology) -> Bool {
        value(forwarding) == "1" && forwards(topology).allSatisfy { value($0) == "1" }
            && advertisements(topology).allSatisfy { value($0) == "0" }
    }

    /// Has the kernel take no router advertisement from container and VPN, forget those it took, and forward IPv4 between
    /// them. IPv6 is not forwarded.
    ///
    /// Called after the rules are there. An interface that is made later is kept by the rules alone. Nothing undoes this
    /// but the end of the interface.
    ///
    /// - Returns: whether anything had to be changed.
    static func apply(_ topology: Topology, _ tools: HostTools) async throws(ScoutError) -> Bool {
        var changed = false
        for file in advertisements(topology) { changed = try set(file, to: "0") || changed }
        for interface in interfaces(topology) where access("/proc/sys/net/ipv6/conf/\(interface)", F_OK) == 0 {
            // What was taken before stays otherwise.
            let arguments = ["-6", "route", "flush", "dev", interface, "proto", "ra"]
            let answer = try await tools.run("ip", arguments)
            guard let answer, answer.status == 0 else {
                throw ScoutError(
                    .failed,
                    "routes that \(interface) has advertised can't be removed: \(answer?.complaint ?? "no ip here")",
                    hint: "ip " + arguments.joined(separator: " "))
            }
        }
        for file in [forwarding] + forwards(topology) { changed = try set(file, to: "1") || changed }
        return changed
    }

    private static func value(_ file: String) -> String? {
        guard let bytes = try? File.read(file) else { return nil }
        return String(decoding: bytes.prefix { $0 > 32 }, as: UTF8.self)
    }

    /// - Returns: whether it had another value.
    private static func set(_ file: String, to wanted: String) throws(ScoutError) -> Bool {
        if value(file) == wanted { return false }
        let descriptor = open(file, O_WRONLY | O_CLOEXEC)
        let isWritten =
            descriptor >= 0 && write(descriptor, wanted + "\n", wanted.utf8.count + 1) == wanted.utf8.count + 1
        let code = errno
        if descriptor >= 0 { close(descriptor) }
        // An interface may go meanwhile, and with it what it would have accepted.
        if !isWritten, code == ENOENT || code == ENODEV { return false }
        guard isWritten, value(file) == wanted else {
            throw ScoutError(.failed, "\(file) can't be set to \(wanted): \(String(cString: strerror(code)))")
        }
        return true
    }
}
