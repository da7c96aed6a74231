import Core
import Netfilter
import Platform
import TestSupport

/// The networks that `Tests/Lab/kernel-agreement` builds.
enum AgreementNetwork {
    static let ports: [UInt16] = [22, 23, 2000, 2001, 2002, 2005, 4444]

    /// Addresses of one family.
    struct Addresses {
        /// The host's: one on each cable, then others.
        var host: [String]
        var container: [String]
        /// Those of the machines on the cables.
        var neighbours: [String: [String]]
        var networks: [String]
        /// Bits of an address.
        var width: Int

        /// Of machines in the networks around, each once.
        var strangers: [String] { (neighbours["lan"] ?? []) + (neighbours["vpn"] ?? []) }
    }

    static func addresses(_ family: RuleSet.Family) -> Addresses {
        family == .ipv4
            ? Addresses(
                host: ["192.0.2.1", "10.1.0.2", "10.0.3.1", "192.0.2.10", "198.51.100.1", "203.0.113.9"],
                container: ["10.0.3.2", "10.0.3.3", "10.0.3.4"],
                neighbours: [
                    "lan": ["192.0.2.7", "192.0.2.8"], "vpn": ["10.1.0.3", "10.1.0.4"],
                    "container": ["10.0.3.2", "10.0.3.3", "10.0.3.4"],
                ],
                networks: ["192.0.2.0/24", "10.1.0.0/24", "10.0.3.0/24", "198.51.100.0/24"], width: 32)
            : Addresses(
                host: ["fd00:1::1", "fd00:2::2", "fd00:3::1", "fd00:1::a", "fd00:9::9"],
                container: ["fd00:3::2", "fd00:3::3", "fd00:3::4"],
                neighbours: [
                    "lan": ["fd00:1::7", "fd00:1::8"], "vpn": ["fd00:2::3", "fd00:2::4"],
                    "container": ["fd00:3::2", "fd00:3::3", "fd00:3::4"],
                ],
                networks: ["fd00:1::/64", "fd00:2::/64", "fd00:3::/64"], width: 128)
    }

    static let interfaces = ["eth0", "tap0", "ve-container"]
    static let interfaceOf = ["lan": "eth0", "vpn": "tap0", "container": "ve-container"]
    /// Where the host's addresses are that no cable comes first with.
    private static let places = [
        "192.0.2.10": "eth0", "198.51.100.1": "eth0", "203.0.113.9": "lo", "fd00:1::a": "eth0", "fd00:9::9": "lo",
    ]

    static let routes: [HostNetwork.Route] = [RuleSet.Family.ipv4, .ipv6].flatMap { family in
        zip(addresses(family).networks, interfaces + ["eth0"]).compactMap { network, interface in
            CIDR(network).map { HostNetwork.Route(destination: $0, interface: interface) }
        }
    }

    static let network: HostNetwork = {
        let own = [RuleSet.Family.ipv4, .ipv6].flatMap { family in
            addresses(family).host.enumerated().compactMap { index, text in
                IPAddress(text).map { NetworkInterface(name: places[text] ?? interfaces[index], address: $0) }
            }
        }
        return HostNetwork(
            addresses: own, routes: routes, vpnInterface: "tap0", containerInterface: "ve-container",
            lanInterfaces: ["eth0"])
    }()
}

/// Makes small rule sets that the kernel takes, full of what real ones have.
struct RandomRules {
    var random: Seeded
    let family: RuleSet.Family
    /// Whether a rule was put in that the evaluation need not understand.
    private(set) var isObscure = false
    private let allowsObscure: Bool
    /// Whether many rules are for UDP.
    private let mixesUDP: Bool
    private let addresses: AgreementNetwork.Addresses

    init(_ random: Seeded, family: RuleSet.Family, allowsObscure: Bool, mixesUDP: Bool = false) {
        self.mixesUDP = mixesUDP
        self.random = random
        self.family = family
        self.allowsObscure = allowsObscure
        addresses = AgreementNetwork.addresses(family)
    }

    /// Input of `iptables-restore`, or `ip6tables-restore`, for all five tables.
    mutating func text() -> String {
        let raw = table("raw", ["PREROUTING", "OUTPUT"], rules: 0...1, custom: 0)
        let mangle = table(
            "mangle", ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"], rules: 0...1, custom: 1)
        let nat = table("nat", ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"], rules: 0...3, custom: 2)
        return raw + mangle + nat + table("filter", ["INPUT", "FORWARD", "OUTPUT"], rules: 1...5, custom: 3)
    }

    private mutating func table(_ name: String, _ hooks: [String], rules: ClosedRange<Int>, custom: Int) -> String {
        let own = (0..<custom).map { "C\($0)" }
        var lines = ["*\(name)"]
        for hook in hooks {
            let drops = name == "filter" && hook != "OUTPUT" && random.chance(45)
            lines.append(":\(hook) \(drops ? "DROP" : "ACCEPT") [0:0]")
        }
        lines += own.map { ":\($0) - [0:0]" }
        for hook in hooks {
            if name == "filter", random.chance(60) {
                let match = random.pick(["-m state --state", "-m conntrack --ctstate"])
                let way = match.hasSuffix("ctstate") ? random.pick(["", " --ctdir REPLY", " --ctdir ORIGINAL"]) : ""
                lines.append(
                    "-A \(hook) \(match) \(random.pick(["RELATED,ESTABLISHED", "ESTABLISHED"]))\(way) -j ACCEPT")
            }
            for _ in 0..<Int.random(in: rules, using: &random) {
                lines.append(rule(name, hook: hook, chain: hook, jumps: own))
            }
        }
        for (index, chain) in own.enumerated() {
            // A user chain of nat may be entered from any hook, so it only holds what all of them allow.
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                lines.append(rule(name, hook: "user", chain: chain, jumps: Array(own[(index + 1)...])))
            }
        }
        return (lines + ["COMMIT", ""]).joined(separator: "\n")
    }

    private mutating func rule(_ table: String, hook: String, chain: String, jumps: [String]) -> String {
        var words = ["-A", chain]
        // Before a translation is undone a packet's address is not known for certain, so nothing there looks at one.
        let isEarly = table == "raw" || table == "mangle"
        let target = target(table, hook: hook, jumps: jumps)
        let needsTCP = target.contains("--to-ports") || target.contains("tcp-reset") || target.hasSuffix(":p")
        if random.chance(35), hook != "OUTPUT", hook != "POSTROUTING", hook != "user" { words += inInterface() }
        if random.chance(25), hook == "FORWARD" || hook == "POSTROUTING" { words += outInterface() }
        if !isEarly, random.chance(25) {
            words += address("-s", addresses.strangers + addresses.container)
        }
        if !isEarly, random.chance(30) { words += address("-d", addresses.host + addresses.container) }
        if needsTCP || random.chance(55) {
            words += ["-p", "tcp"]
            if random.chance(70) { words += isEarly ? tcpFlags() : tcpMatch() }
        } else if random.chance(15) {
            words += random.pick([
                ["-p", "udp"], ["!", "-p", "tcp"], ["-p", "udp", "-m", "udp", "--dport", "22"], icmp,
                ["!", "-p", "udp"],
            ])
        }
        if random.chance(20) { words += states(table, hook) }
        if !isEarly, random.chance(8) { words += range() }
        if random.chance(8) {
            words += [
                "-m", "comment", "--comment", random.pick(["plain", "\"with space\"", "\"-j DROP --dport 22\""]),
            ]
        }
        if family == .ipv4, !words.contains("-p"), random.chance(4) { words += random.pick([["-f"], ["!", "-f"]]) }
        if allowsObscure, random.chance(12) {
            isObscure = true
            words += random.pick(Self.obscure)
        }
        let isTCPOnly = words.contains { $0.contains("--syn") || $0.contains("flags") } || target.contains("tcp-reset")
        if mixesUDP, !isTCPOnly, random.chance(45) { words = words.map { $0 == "tcp" ? "udp" : $0 } }
        words.append(target.hasSuffix(":p") ? target.dropLast() + String(random.pick(AgreementNetwork.ports)) : target)
        return words.joined(separator: " ")
    }

    private static let obscure: [[String]] = [
        ["-m", "string", "--string", "GET", "--algo", "bm"], ["-m", "time", "--timestart", "00:00"],
        ["-m", "limit", "--limit", "1000/sec"], ["-m", "length", "--length", "0:9"],
        ["-m", "statistic", "--mode", "nth", "--every", "1000000", "--packet", "999999"],
        ["-m", "mark", "--mark", "0x7"], ["-m", "mark", "!", "--mark", "0x7"],
        ["-m", "string", "--string", "\"-p udp -j ACCEPT\"", "--algo", "kmp"],
    ]

    private var icmp: [String] {
        family == .ipv4
            ? ["-p", "icmp", "-m", "icmp", "--icmp-type", "8"]
            : ["-p", "ipv6-icmp", "-m", "icmp6", "--icmpv6-type", "128"]
    }

    private mutating func inInterface() -> [String] {
        random.pick([
            ["-i", "eth0"], ["-i", "tap0"], ["-i", "eth+"], ["-i", "ta+"], ["!", "-i", "tap0"], ["!", "-i", "eth+"],
            ["-i", "ve-container"], ["!", "-i", "ve-+"], ["-i", "wlan0"], ["!", "-i", "wlan+"],
        ])
    }

    private mutating func outInterface() -> [String] {
        random.pick([
            ["-o", "ve-container"], ["-o", "ve+"], ["!", "-o", "ve-container"], ["-o", "tap0"], ["-o", "eth+"],
        ])
    }

    private mutating func address(_ option: String, _ some: [String]) -> [String] {
        let sign = random.chance(25) ? ["!"] : []
        if random.chance(30) { return sign + [option, random.pick(addresses.networks)] }
        let bits = random.chance(70) ? addresses.width : addresses.width - Int.random(in: 1...12, using: &random)
        return sign + [option, "\(random.pick(some))/\(bits)"]
    }

    private mutating func range() -> [String] {
        let first = random.pick(addresses.container)
        let sign = random.chance(25) ? ["!"] : []
        return ["-m", "iprange"] + sign + [
            random.pick(["--dst-range", "--src-range"]), "\(first)-\(addresses.container[2])",
        ]
    }

    private mutating func tcpMatch() -> [String] {
        let sign = random.chance(20) ? ["!"] : []
        switch Int.random(in: 0..<8, using: &random) {
        case 0, 1, 2: return ["-m", "tcp"] + sign + ["--dport", "\(random.pick(AgreementNetwork.ports))"]
        case 3:
            return ["-m", "tcp"] + sign + [
                "--dport", random.pick(["2000:2009", "1:1023", ":2001", "2002:", "1024:65535"]),
            ]
        case 4:
            return ["-m", "multiport"] + sign + [
                "--dports", random.pick(["22,23", "22,2000:2003", "4444", "1:100,2005,4000:5000"]),
            ]
        case 5: return ["-m", "tcp"] + sign + ["--sport", random.pick(["20000:24999", "25000:", "22", "2000:2009"])]
        case 6:
            return ["-m", "multiport"] + sign + [
                random.pick(["--ports", "--sports"]), random.pick(["22,23,2000:2005", "2001", "30000:40000"]),
            ]
        default: return tcpFlags()
        }
    }

    private mutating func tcpFlags() -> [String] {
        let sign = random.chance(30) ? ["!"] : []
        // The pure acknowledgement and the one with data look the same to these: a connection either works or does not.
        let flags = random.pick([
            "--syn", "--tcp-flags SYN,ACK SYN,ACK", "--tcp-flags SYN SYN", "--tcp-flags FIN,SYN,RST,ACK SYN",
            "--tcp-flags RST,ACK ACK",
        ])
        return ["-m", "tcp"] + sign + [flags]
    }

    private mutating func states(_ table: String, _ hook: String) -> [String] {
        let sign = random.chance(25) ? ["!"] : []
        if random.chance(50) {
            return ["-m", "state"] + sign + [
                "--state", random.pick(["NEW", "ESTABLISHED", "NEW,ESTABLISHED", "INVALID", "INVALID,RELATED"]),
            ]
        }
        return ["-m", "conntrack"] + sign + [
            "--ctstate",
            random.pick(["NEW", "ESTABLISHED", "DNAT", "SNAT", "NEW,DNAT", "INVALID", "RELATED,DNAT", "UNTRACKED"]),
        ]
    }

    private mutating func target(_ table: String, hook: String, jumps: [String]) -> String {
        if !jumps.isEmpty, random.chance(30) { return (random.chance(75) ? "-j " : "-g ") + random.pick(jumps) }
        if random.chance(8) { return "-j RETURN" }
        switch table {
        case "raw": return random.pick(["-j DROP", "-j ACCEPT", "-j ACCEPT"])
        case "mangle":
            return random.pick([
                "-j MARK --set-xmark 0x1/0xffffffff", "-j ACCEPT", "-j DROP", "-j MARK --set-xmark 0x2/0xff",
            ])
        case "nat": return translation(hook)
        default:
            return random.pick([
                "-j ACCEPT", "-j ACCEPT", "-j ACCEPT", "-j DROP", "-j DROP", "-j REJECT",
                "-j REJECT --reject-with tcp-reset",
                "-j NFLOG --nflog-prefix \"x -j DROP\"", "",
            ])
        }
    }

    private mutating func translation(_ hook: String) -> String {
        var to = random.pick(addresses.container + addresses.container + [addresses.host[2]])
        if mixesUDP, random.chance(20) {
            to = random.pick(addresses.host + [family == .ipv4 ? "127.0.0.1" : "::1"])
        }
        switch hook {
        case "PREROUTING":
            let bracketed = family == .ipv4 ? to : "[\(to)]"
            return random.pick([
                "-j DNAT --to-destination \(to)", "-j DNAT --to-destination \(bracketed):p",
                "-j DNAT --to-destination \(bracketed):p",
                "-j REDIRECT --to-ports \(random.pick(AgreementNetwork.ports))", "-j REDIRECT", "-j ACCEPT",
                "-j DNAT --to-destination :p",
            ])
        case "POSTROUTING":
            return random.pick(["-j MASQUERADE", "-j SNAT --to-source \(addresses.host[2])", "-j ACCEPT"])
        default: return "-j ACCEPT"
        }
    }
}
