import Core
import FoundationEssentials
import Host
@testable import Netfilter
import Testing
import TestSupport

/// What a host tells beside its rules, and what that does to verdicts.
@Suite struct HostFactsTests {
    private static let links = "lo 0x9 1\ntap0 0x1003 1\nve-container 0x1003 1\neth0 0x1003 1\n"
    private static let settings = """
        all 1 0 0 0 0
        default 1 0 0 0 0
        eth0 1 0 0 0 0
        tap0 1 0 0 0 0
        ve-container 1 0 0 0 0

        """
    private static let addresses = """
        1: lo    inet 127.0.0.1/8 scope host lo
        2: eth0    inet 192.168.77.2/24 scope global eth0
        4: tap0    inet 10.1.0.2/24 scope global tap0
        5: ve-container@if2    inet 10.0.3.1/24 scope global ve-container

        """
    private static let policy4 =
        "0:\tfrom all lookup local\n32766:\tfrom all lookup main\n32767:\tfrom all lookup default\n"
    private static let policy6 = "0:\tfrom all lookup local\n32766:\tfrom all lookup main\n"
    static let closed6 = "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
    static let open6 = closed6.replacing("DROP", with: "ACCEPT")

    /// A listing of a whole host, with parts replaced, or one left out.
    static func report(
        _ rules: [UInt8] = Captures.standard, ipv6: String = closed6, forwarding: String = "1\n",
        replacing other: [String: String] = [:], without missing: String = ""
    ) throws -> ForwardsReport {
        let parts: KeyValuePairs<String, String> = [
            "iptables default": String(decoding: rules, as: UTF8.self), "ip6tables default": ipv6,
            "forwarding": forwarding, "localnet": "0\n", "settings": settings, "addresses": addresses,
            "policy4": policy4, "policy6": policy6, "devices": "2: eth0: <BROADCAST,UP> mtu 1500 qdisc noqueue\n",
            "filters": "", "links": links,
        ]
        var text = ""
        for (name, words) in parts where name != missing {
            text += "\n#scout \(name)\n\(other[name] ?? words)\n#scout-status 0\n"
        }
        return try HostListing(Array(text.utf8)).report(.documented, source: .ssh, checkedAt: .distantPast)
    }

    @Test func aWholeListingLeavesNothingToAssume() throws {
        let report = try Self.report()
        #expect(report.forwards.allSatisfy { $0.vpn == .open && $0.lan == .closed })
        #expect(report.exposures(about: "taken").isEmpty)
    }

    /// `ip_forward` is only the switch that sets all of them.
    @Test(arguments: ["0\n", "1\n"]) func forwardingIsAskedOfTheInterface(global: String) throws {
        #expect(try Self.report(forwarding: global).row(22)?.vpn == .open)
        for name in ["tap0", "ve-container"] {
            let off = Self.settings.replacing("\(name) 1", with: "\(name) 0")
            let row = try Self.report(forwarding: global, replacing: ["settings": off]).row(22)
            #expect(row?.vpn == .closed && row?.reason?.contains("what comes in by \(name)") == true, "\(row as Any)")
        }
        let off = Self.settings.replacing("eth0 1", with: "eth0 0")
        let lan = try Self.report(Captures.lan, forwarding: global, replacing: ["settings": off])
        #expect(lan.forwards.allSatisfy { $0.lan == .open }, "a card that comes up later forwards by default")
        let all = off.replacing("default 1", with: "default 0")
        #expect(
            try Self.report(Captures.lan, forwarding: global, replacing: ["settings": all]).forwards.allSatisfy {
                $0.lan == .closed && $0.vpn == .open
            })
    }

    @Test func forwardingOfIPv6IsAskedOfIPv6() throws {
        func isExposed(_ settings: String) throws -> Bool {
            try !Self.report(ipv6: Self.open6, replacing: ["settings": settings])
                .exposures(about: "IPv6 packets are let through").isEmpty
        }
        #expect(try !isExposed(Self.settings), "IPv4 forwards, IPv6 doesn't")
        #expect(try isExposed(Self.settings.replacing("all 1 0 0", with: "all 0 0 1")))
        #expect(try isExposed(Self.settings.replacing("eth0 1 0 0 0", with: "eth0 1 0 0 1")))
        let refused = Self.settings.replacing(" 0\n", with: " 1\n")
        let report = try Self.report(ipv6: Self.open6, replacing: ["settings": refused])
        #expect(report.exposures(about: "over IPv6").isEmpty)
        #expect(try Self.report(ipv6: Self.open6).exposures(about: "over IPv6 a LAN neighbour").count > 0)
    }

    @Test(arguments: [
        "100:\tfrom all fwmark 0x1 lookup 100", "0:\tfrom 10.1.0.0/24 blackhole", "220:\tfrom all lookup 220",
    ])
    func policyRoutingIsNotGuessed(rule: String) throws {
        let row = try Self.report(replacing: ["policy4": Self.policy4 + rule + "\n"]).row(2000)
        #expect(row?.vpn == .unknown && row?.reason?.contains(rule.split(separator: "\t")[1]) == true, "\(row as Any)")
        let other = try Self.report(replacing: ["policy6": Self.policy6 + rule + "\n"])
        #expect(other.row(2000)?.vpn == .open, "rules of one family are not those of the other")
    }

    @Test func whatIsDroppedOnEveryWayIsClosedUnderAnyPolicy() throws {
        let rules = Array("*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n".utf8)
        let policy = Self.policy4 + "100:\tfrom all fwmark 0x1 lookup 100\n"
        let report = try Self.report(rules, replacing: ["policy4": policy])
        #expect(report.forwards.allSatisfy { $0.vpn == .closed && $0.lan == .closed })
    }

    @Test func theStandardRulesMissingIsNotGuessedEither() throws {
        let without = Self.policy4.replacing("32766:\tfrom all lookup main\n", with: "")
        #expect(try Self.report(replacing: ["policy4": without]).row(2000)?.vpn == .unknown)
    }

    @Test func aProgramBeforeTheRulesMakesVerdictsUnknown() throws {
        let head = "2: tap0: <BROADCAST,UP> mtu 1500 xdpgeneric qdisc noqueue state UP\n"
        let tail = "2: tap0: <BROADCAST,UP> mtu 1500 qdisc noqueue state UP\n    prog/xdp id 7 name xdp_drop\n"
        for devices in [head, tail] {
            let report = try Self.report(replacing: ["devices": devices])
            let row = report.row(22)
            #expect(row?.vpn == .unknown && row?.lan == .closed && row?.reason?.contains("XDP") == true)
        }
        let called = "2: xdp: <BROADCAST,UP> mtu 1500 qdisc noqueue\n    alias prog/xdp\n"
        #expect(try Self.report(replacing: ["devices": called]).row(22)?.vpn == .open)
        for (filter, row) in [
            ("tap0 ingress\n", Verdict.unknown), ("ve-container egress\n", .unknown), ("dummy0 ingress\n", .open),
        ] {
            #expect(try Self.report(replacing: ["filters": filter]).row(22)?.vpn == row, "\(filter)")
        }
    }

    @Test func whatAListingLacksIsAssumedAloud() throws {
        for (part, words) in [
            ("settings", "by interface"), ("policy4", "policy routing"), ("devices", "XDP"), ("filters", "tc"),
        ] {
            let report = try Self.report(without: part)
            let found = report.exposures(about: words, "taken")
            #expect(found.map(\.severity) == [.info], "\(part): \(report.exposures.map(\.summary))")
        }
        #expect(ForwardsReport(Captures.standard).exposures(about: "came without their host").count == 1)
    }

    /// The script on a kernel: what it prints is what the kernel was told.
    @Test(.enabled(if: Project.hasLab, "namespaces need root")) func theScriptTellsWhatTheKernelWasTold() async throws {
        let prepare = """
            ip link add tap0 type veth peer name ve-container; ip link set tap0 up
            echo 1 > /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv4/conf/tap0/forwarding
            echo 1 > /proc/sys/net/ipv4/conf/ve-container/route_localnet
            echo 1 > /proc/sys/net/ipv6/conf/tap0/disable_ipv6
            ip rule add pref 77 from 10.1.0.9 lookup 9; iptables -P INPUT DROP

            """
        let shell = Command("/usr/bin/unshare", environment: Project.environment)
        let outcome = try await shell(
            "--net", "--mount", "sh", "-c", "mount -t sysfs none /sys; " + prepare + HostListing.script)
        let listing = try RuleListing(Array(outcome.output.utf8))
        var network = HostNetwork(.documented)
        listing.describe(&network)
        #expect(network.assumptions.isEmpty, "\(outcome.output) \(outcome.errors)")
        #expect(network.settings["tap0"] == InterfaceSettings(forwards: false, refusesIPv6: true))
        #expect(network.settings["ve-container"] == InterfaceSettings(forwards: true, routesLoopback: true))
        #expect(network.forwardsIPv6 == false && network.policyRouting[.ipv6] == nil)
        #expect(network.policyRouting[.ipv4]?.contains("77: from 10.1.0.9 lookup 9") == true)
    }
}
