import Core
@testable import Netfilter
import Testing

/// Every entrance with every address of the host: the kernel takes packets for any of them on any card.
@Suite struct EntranceTests {
    private static func rules(input: [String] = [], forward: [String] = [], nat: [String] = []) -> [UInt8] {
        let filter =
            ["*filter", ":INPUT DROP [0:0]", ":FORWARD DROP [0:0]", ":OUTPUT ACCEPT [0:0]"]
            + input.map { "-A INPUT \($0)" } + forward.map { "-A FORWARD \($0)" } + ["COMMIT"]
        let translation =
            ["*nat", ":PREROUTING ACCEPT [0:0]", ":POSTROUTING ACCEPT [0:0]"] + nat.map { "-A PREROUTING \($0)" }
            + ["COMMIT", ""]
        return Array((filter + translation).joined(separator: "\n").utf8)
    }

    private static let toContainer = ["-d 10.0.3.2/32 -j ACCEPT", "-s 10.0.3.2/32 -j ACCEPT"]
    private static let addresses = """
        1: lo    inet 127.0.0.1/8 scope host lo
        2: eth0    inet 192.168.77.2/24 scope global eth0
        2: eth0    inet 192.168.78.2/24 scope global secondary eth0
        2: eth0    inet6 fe80::77/64 scope link
        3: wlan0    inet6 fd00:8::1/64 scope global
        4: tap0    inet 10.1.0.2/24 scope global tap0
        4: tap0    inet6 fe80::11/64 scope link
        5: ve-container@if2    inet 10.0.3.1/24 scope global ve-container

        """

    private static func report(_ rules: [UInt8], ipv6: String = HostFactsTests.closed6, settings: String? = nil) throws
        -> ForwardsReport
    {
        var other = [
            "addresses": addresses,
            "links": "lo 0x9 1\ntap0 0x1003 1\nve-container 0x1003 1\neth0 0x1003 1\nwlan0 0x1003 1\n",
        ]
        if let settings { other["settings"] = settings }
        return try HostFactsTests.report(rules, ipv6: ipv6, replacing: other)
    }

    // MARK: Addresses

    @Test(arguments: ["10.1.0.2", "10.0.3.1", "192.168.77.2", "192.168.78.2"])
    func aForwardAtOneAddressIsOpenToWhoeverAsksForIt(address: String) throws {
        let rules = Self.rules(
            forward: Self.toContainer,
            nat: ["-d \(address)/32 -p tcp -m tcp --dport 2000 -j DNAT --to-destination 10.0.3.2:2000"])
        let row = try #require(try Self.report(rules).row(2000))
        #expect(row.vpn == .open && row.lan == .open && row.to == "10.0.3.2:2000", "\(row)")
        #expect(row.vpnAddress == (address == "10.1.0.2" ? nil : address))
        #expect(row.lanAddress == (address.hasPrefix("192.") ? nil : address))
        #expect(row.reason?.contains(address) == true || address.hasPrefix("10.1."), "\(row)")
        let other = try #require(try Self.report(rules).row(2001))
        #expect(other.vpn == .closed && other.lan == .closed)
        // A mail knows the addresses of the topology alone; the LAN's may be any.
        let mailed = ForwardsReport(rules).row(2000)
        #expect(mailed?.lan == (address.hasPrefix("192.") ? .unknown : .open), "\(mailed as Any)")
    }

    @Test(arguments: ["10.1.0.2", "10.0.3.1"])
    func aServiceAtAnInnerAddressIsOpenToTheLAN(address: String) throws {
        let report = try Self.report(Self.rules(input: ["-d \(address)/32 -p tcp -m tcp --dport 8080 -j ACCEPT"]))
        let found = report.exposures(
            about: "a LAN neighbour reaches the host itself: tcp 8080", "host's address \(address)")
        #expect(found.map(\.severity) == [.critical], "\(report.exposures)")
        #expect(report.exposures(about: "a VPN peer reaches the host itself: tcp 8080").count == 1)
        #expect(report.exposures(about: "in the container reaches the host itself: tcp 8080").count == 1)
    }

    @Test func aServiceForOneCardIsNotOpenByAnother() throws {
        let report = try Self.report(Self.rules(input: ["-i tap0 -d 10.1.0.2/32 -p tcp -m tcp --dport 8080 -j ACCEPT"]))
        #expect(report.exposures(about: "LAN neighbour").isEmpty && report.exposures(about: "in the container").isEmpty)
    }

    @Test func loopbackIsReachedWhereItIsRouted() throws {
        let rules = Self.rules(input: ["-d 127.0.0.1/32 -p tcp -m tcp --dport 631 -j ACCEPT"])
        let off = "all 1 0 0 0 0\ndefault 1 0 0 0 0\neth0 1 0 0 0 0\ntap0 1 0 0 0 0\n"
        #expect(try Self.report(rules, settings: off).exposures(about: "tcp 631").isEmpty)
        let lan = try Self.report(rules, settings: off.replacing("eth0 1 0", with: "eth0 1 1"))
        #expect(lan.exposures(about: "LAN neighbour reaches the host itself: tcp 631 by eth0", "127.0.0.").count == 1)
        #expect(lan.exposures(about: "VPN peer", "631").isEmpty)
        let vpn = try Self.report(rules, settings: off.replacing("tap0 1 0", with: "tap0 1 1"))
        #expect(vpn.exposures(about: "VPN peer", "631").count == 1 && vpn.exposures(about: "LAN", "631").isEmpty)
        // Either switch does: the interface's own, or that of all.
        #expect(
            try !Self.report(rules, settings: off.replacing("all 1 0", with: "all 1 1")).exposures(about: "LAN", "631")
                .isEmpty)
        let translated = Self.rules(
            input: ["-d 127.0.0.0/8 -p tcp -j ACCEPT"], nat: ["-i eth0 -p tcp -j DNAT --to-destination 127.0.0.1"])
        #expect(
            try Self.report(translated, settings: off).exposures(about: "LAN neighbour reaches the host", "tcp").isEmpty
        )
    }

    @Test func addressesOfIPv6AreAskedEachByItself() throws {
        func input(_ rule: String) -> String {
            HostFactsTests.closed6.replacing(
                "COMMIT", with: "-A INPUT \(rule) -p tcp -m tcp --dport 80 -j ACCEPT\nCOMMIT")
        }
        let other = try Self.report(Self.rules(), ipv6: input("-d fd00:8::1/128")).exposures(
            about: "over IPv6 a LAN", "tcp 80")
        #expect(other.count == 1 && other[0].summary.contains("eth0, wlan0"), "\(other)")
        let link = try Self.report(Self.rules(), ipv6: input("-d fe80::77/128"))
        #expect(
            link.exposures(about: "over IPv6 a LAN", "by eth0").count == 1
                && link.exposures(about: "over IPv6 a VPN").isEmpty)
        let foreign = try Self.report(Self.rules(), ipv6: input("-d fe80::11/128"))
        #expect(
            foreign.exposures(about: "over IPv6 a LAN").isEmpty
                && foreign.exposures(about: "over IPv6 a VPN").count == 1)
    }

    // MARK: Who asks

    @Test func aRuleForOneNeighbourIsOpenToWhoeverTakesTheAddress() throws {
        let nat = "-i eth0 -s 192.168.77.5/32 -p tcp -m tcp --dport 2000 -j DNAT --to-destination 10.0.3.2:2000"
        let rules = Self.rules(
            input: ["-s 192.168.77.5/32 -p tcp -m tcp --dport 8080 -j ACCEPT"], forward: Self.toContainer, nat: [nat])
        for report in [try Self.report(rules), ForwardsReport(rules)] {
            #expect(report.row(2000)?.lan == .open && report.row(2001)?.lan == .closed)
            let host = report.exposures(
                about: "LAN neighbour reaches the host itself: tcp 8080", "whoever has 192.168.77.5")
            #expect(host.map(\.severity) == [.critical], "\(report.exposures)")
            #expect(
                report.exposures(about: "access from the LAN is on", "tcp 2000", "whoever has 192.168.77.5").count == 1)
        }
        let port = Self.rules(input: ["-i eth0 -p udp -m udp --sport 67 --dport 68 -j ACCEPT"])
        #expect(try Self.report(port).exposures(about: "LAN neighbour", "udp 68", "sends from port 67").count == 1)
    }

    @Test func oneForbiddenNeighbourIsNoClosedDoor() throws {
        let some = Self.rules(input: ["-s 192.168.77.5/32 -j DROP", "-p tcp -m tcp --dport 8080 -j ACCEPT"])
        #expect(try Self.report(some).exposures(about: "LAN neighbour", "tcp 8080", "all but 192.168.77.5").count == 1)
        let many = (0..<3000).map { "-s 198.18.\($0 / 256).\($0 % 256)/32 -j DROP" }
        let all = Self.rules(input: many + ["-p tcp -m tcp --dport 8080 -j ACCEPT"])
        let report = try Self.report(all)
        #expect(report.exposures(about: "LAN neighbour reaches the host itself: tcp 8080").count == 1)
        #expect(report.exposures(about: "can't be excluded").isEmpty, "\(report.exposures)")
        // What every neighbour is forbidden by one of two rules is closed.
        let both = Self.rules(input: ["-s 192.168.77.5/32 -j DROP", "! -s 192.168.77.5/32 -j DROP", "-j ACCEPT"])
        #expect(try Self.report(both).exposures(about: "LAN neighbour").isEmpty)
    }

    // MARK: What is asked

    @Test func datagramsAreAskedForToo() throws {
        let rules = Self.rules(
            input: ["-i eth0 -p udp -m udp --dport 161 -j ACCEPT", "-i tap0 -p udp -m udp --dport 162 -j ACCEPT"],
            forward: [
                "-i eth0 -o ve-container -p udp -m udp --dport 514 -j ACCEPT",
                "-d 10.0.3.2/32 -i tap0 -p udp -m udp --dport 70 -j ACCEPT",
            ],
            nat: ["-i tap0 -p udp -m udp --dport 69 -j DNAT --to-destination 10.0.3.2:70"])
        let report = try Self.report(rules)
        for words in [
            "a LAN neighbour reaches the host itself: udp 161", "a VPN peer reaches the host itself: udp 162",
            // No answer comes back, but who gets the datagram is reached.
            "a LAN neighbour reaches the container by a static route: udp 514",
            "a VPN peer reaches more of the container than the topology names: udp 69",
        ] {
            #expect(report.exposures(about: words).count == 1, "\(words): \(report.exposures.map(\.summary))")
        }
        #expect(report.forwards.allSatisfy { $0.proto == "tcp" && $0.vpn == .closed && $0.lan == .closed })
        let none = ForwardsReport(Self.rules())
        #expect(none.exposures(about: "udp").isEmpty && none.exposures(about: "tcp").isEmpty)
    }

    @Test func theContainersWaysOutAreNamed() throws {
        let rules = Self.rules(
            input: [
                "-i ve-container -p tcp -m tcp --dport 23 -j ACCEPT",
                "-i ve-container -p udp -m udp --dport 67 -j ACCEPT",
            ],
            forward: ["-i ve-container -j ACCEPT", "-o ve-container -m state --state ESTABLISHED -j ACCEPT"])
        let report = try Self.report(rules)
        #expect(
            report.exposures(about: "in the container reaches the host itself: tcp 23").map(\.severity) == [.warning])
        #expect(report.exposures(about: "DHCP", "udp 67").map(\.severity) == [.info])
        #expect(report.exposures(about: "owner's network and the internet, as documented").map(\.severity) == [.info])
        #expect(report.exposures(about: "VPN's machines, as documented").map(\.severity) == [.info])
        #expect(!report.exposures.contains { $0.severity == .critical }, "\(report.exposures)")
    }

    @Test func theGeneratedRulesExposeNothingToTheLAN() throws {
        for lan in [false, true] {
            let rules = RuleGenerator(plan: .documented, lanIsEnabled: lan, controlIsEnabled: true)
            let report = try Self.report(Array(rules.ipv4.utf8), ipv6: rules.ipv6)
            #expect(
                report.forwards.allSatisfy {
                    $0.vpn == .open && $0.lan == (lan ? .open : .closed) && $0.vpnAddress == nil
                })
            #expect(!report.exposures.contains { $0.severity == .critical }, "\(report.exposures)")
            #expect(report.exposures(about: "can't be excluded").isEmpty, "\(report.exposures)")
            #expect(report.exposures(about: "LAN neighbour").isEmpty)
            #expect(report.exposures(about: "as documented: tcp 1-65535, udp 1-65535 (let in by").count == 2)
        }
    }

    /// Hundreds of addresses that each have a rule, on dozens of cards: still a short answer in time.
    @Test func manyAddressesStayAQuestionOfMoments() throws {
        let own = (0..<300).map {
            "\($0 + 9): eth\($0 % 40)    inet 172.16.\($0 / 100).\($0 % 100 + 1)/24 scope global"
        }
        let input = (0..<300).map {
            "-d 172.16.\($0 / 100).\($0 % 100 + 1)/32 -p tcp -m tcp --dport \($0 + 1) -j ACCEPT"
        }
        let links = (0..<40).map { "eth\($0) 0x1003 1\n" }.joined()
        let clock = ContinuousClock()
        var size = 0
        let time = try clock.measure {
            let report = try HostFactsTests.report(
                Self.rules(input: input), replacing: ["addresses": own.joined(separator: "\n"), "links": links])
            size = try JSON.encode(report).count
            #expect(!report.exposures(about: "LAN neighbour").isEmpty)
        }
        #expect(size < 100_000 && time < .seconds(30), "\(size) bytes in \(time)")
    }
}
