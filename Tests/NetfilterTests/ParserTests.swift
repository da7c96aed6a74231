import Core
import FoundationEssentials
import Host
import Netfilter
import Platform
import Testing
import TestSupport

/// What one rule, in front of a policy to drop, does with a SYN from 10.1.0.3 to the host's port 2000.
private func verdict(_ rule: String, policy: String = "DROP") -> Decision.Verdict {
    decision("*filter\n:INPUT \(policy) [0:0]\n:C - [0:0]\n[1:60] -A INPUT \(rule)\n-A C -j ACCEPT\nCOMMIT\n").verdict
}

private func decision(
    _ text: String, from interface: String = "tap0", to address: String = "10.1.0.2", port: UInt16 = 2000
) -> Decision {
    let network = HostNetwork(.documented)
    guard let source = IPAddress("10.1.0.3"), let host = IPAddress(address) else { fatalError("no address") }
    return Evaluator(ruleSet(text), on: network)
        .decide(Packet(tcpFrom: source, sourcePort: 40000, at: interface, to: host, port: port, network: network))
}

@Suite struct ParserTests {
    @Test(arguments: [
        "-j ACCEPT", "-s 10.1.0.0/24 -j ACCEPT", "-s 10.1.0.3 -j ACCEPT", "-s 10.1.0.0/255.255.255.0 -j ACCEPT",
        "! -s 10.2.0.0/16 -j ACCEPT", "-s ! 10.2.0.0/16 -j ACCEPT", "-i tap+ -j ACCEPT", "-i + -j ACCEPT",
        "-p tcp -m tcp --dport 2000 -j ACCEPT", "-p 6 -j ACCEPT", "-p tcp --dport 1024: -j ACCEPT",
        "-p tcp -m multiport --dports 22,1999:2001 -j ACCEPT", "-p tcp -m multiport --ports 40000 -j ACCEPT",
        "-m comment --comment \"-j DROP -s 1.2.3.4\" -j ACCEPT", "-m comment --comment -j -j ACCEPT",
        "-m iprange --src-range 10.1.0.1-10.1.0.9 -j ACCEPT", "-m addrtype --dst-type LOCAL -j ACCEPT",
        "! -f -j ACCEPT",
        "-j C", "-g C", "-j ACCEPT -m comment --comment late", "-p tcp -m tcp ! --sport 1:1023 -j ACCEPT",
    ]) func understoodMatchesThatHoldOpen(_ rule: String) {
        #expect(verdict(rule) == .open)
    }

    @Test(arguments: [
        "-s 10.2.0.0/16 -j ACCEPT", "! -s 10.1.0.3/32 -j ACCEPT", "-i tap -j ACCEPT", "-i eth+ -j ACCEPT",
        "! -i tap0 -j ACCEPT",
        "-p udp -j ACCEPT", "-p tcp -m tcp --dport 2001 -j ACCEPT", "-p tcp -m multiport ! --dports 2000 -j ACCEPT",
        "-f -j ACCEPT",
        "-p tcp -m tcp --sport 1:1023 -j ACCEPT", "-j RETURN", "-j LOG --log-prefix \"-j ACCEPT\"", "-j DROP",
        "-j REJECT --reject-with tcp-reset",
        "-j MARK --set-xmark 0x1/0xff", "-m state --state ESTABLISHED -j ACCEPT",
        "-m conntrack --ctstate DNAT -j ACCEPT",
        "-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK ACK -j ACCEPT", "-p udp -m string --string x --algo bm -j ACCEPT",
        // Only the first packet is let in.
        "-m state --state NEW -j ACCEPT", "-p tcp -m tcp --syn -j ACCEPT",
    ]) func rulesThatDoNotLetInLeaveItToThePolicy(_ rule: String) {
        #expect(verdict(rule) == .closed)
    }

    @Test(arguments: [
        "-m string --string GET --algo bm -j ACCEPT", "-m time --timestart 08:00 -j ACCEPT", "-j NFQUEUE --queue-num 0",
        "-j NOWHERE",
        "-m limit --limit 1/sec -j ACCEPT", "-p tcp -m tcp --dport ssh -j ACCEPT",
        "-m set --match-set lan src -j ACCEPT",
        "-m socket -j ACCEPT", "--unheard-of -j ACCEPT", "-m mark --mark 0x1 -j ACCEPT",
        "-s 10.0.0.1/255.0.255.0 -j ACCEPT",
        "-m string --string -s --algo 1.2.3.4 -j ACCEPT", "-m limit --limit 1/sec -j C", "-j ACCEPT --unheard-of",
        "-m conntrack --ctorigdst 10.9.9.9 -j ACCEPT", "-p tcp -m tcp --dport 99999 -j ACCEPT",
    ]) func whatIsNotUnderstoodIsUnknownAndQuoted(_ rule: String) {
        let found = decision("*filter\n:INPUT DROP [0:0]\n:C - [0:0]\n-A INPUT \(rule)\n-A C -j ACCEPT\nCOMMIT\n")
        #expect(found.verdict == .unknown)
        #expect(found.reason.contains("filter INPUT 1: -A INPUT \(rule)"))
    }

    @Test(arguments: [
        ("-m limit --limit 10/sec --limit-burst 7", "limit"),
        ("-m recent --update --seconds 60 --hitcount 4 --name X --rsource", "recent"),
        ("-m recent ! --rcheck --name X --mask 255.255.255.255 --rdest", "recent"),
        ("-m hashlimit --hashlimit-upto 5/sec --hashlimit-mode srcip --hashlimit-name n", "hashlimit"),
        ("-m quota --quota 1000", "quota"),
        ("-m connlimit --connlimit-above 3 --connlimit-mask 32 --connlimit-saddr", "connlimit"),
        ("-m statistic --mode random --probability 0.5", "statistic"),
    ]) func aMatchThatHangsOnWhatCameBeforeIsNamedAndTheRestOfTheRuleIsRead(match: String, name: String) {
        let found = decision(
            "*filter\n:INPUT DROP [0:0]\n-A INPUT \(match) -p tcp -m tcp --dport 2000 -j ACCEPT\nCOMMIT\n")
        #expect(found.verdict == .unknown)
        #expect(found.reason.contains("may match or not for its '\(name)'"), "\(found.reason)")
        #expect(verdict("\(match) -p tcp -m tcp --dport 2001 -j ACCEPT") == .closed)
        #expect(verdict("\(match) --unheard-of 1 -p tcp -m tcp --dport 2001 -j ACCEPT") == .unknown)
    }

    @Test(arguments: ["-m string --string GET --algo bm -j DROP", "-m limit --limit 1/sec -j C"])
    func whatIsNotUnderstoodDoesNotMatterWhereAllWaysLeadToTheSame(_ rule: String) {
        #expect(verdict(rule.replacing("-j C", with: "-j DROP")) == .closed)
        #expect(verdict(rule.replacing("-j DROP", with: "-j ACCEPT"), policy: "ACCEPT") == .open)
    }

    @Test func theDecidingRuleIsNamedWithItsCounters() throws {
        let found = decision(
            "*filter\n:INPUT DROP [0:0]\n[9:540] -A INPUT -i tap0 -p tcp -m tcp --dport 2000 -j ACCEPT\nCOMMIT\n")
        let rule = try #require(found.rule)
        #expect(
            rule.table == "filter" && rule.chain == "INPUT" && rule.number == 1 && rule.packets == 9
                && rule.bytes == 540)
        #expect(rule.text == "-A INPUT -i tap0 -p tcp -m tcp --dport 2000 -j ACCEPT")
    }

    @Test func returnAndGotoGoBackToTheRightChain() {
        // The goto's chain ends, so the packet returns behind the jump of INPUT, not into A.
        let text =
            "*filter\n:INPUT DROP [0:0]\n:A - [0:0]\n:B - [0:0]\n-A INPUT -j A\nLAST-A A -g B\n-A A -j ACCEPT\n-A B -j RETURN\nCOMMIT\n"
        #expect(decision(text.replacing("LAST", with: "")).verdict == .closed)
        #expect(decision(text.replacing("LAST", with: "-A INPUT -j ACCEPT\n")).verdict == .open)
        #expect(decision(text.replacing("LAST", with: "").replacing("-g B", with: "-j B")).verdict == .open)
    }

    @Test(
        arguments: [
            ("--to-destination 10.0.3.2:22", "10.0.3.2", 22...22), ("--to-destination 10.0.3.2", "10.0.3.2", nil),
            ("--to-destination 10.0.3.2-10.0.3.4:5-9", "10.0.3.2-10.0.3.4", 5...9),
            ("--to-destination 10.0.3.2 --random", "10.0.3.2", nil),
            ("--to-destination 10.0.3.2:30-40/2000", "10.0.3.2", 30...40),
        ] as [(String, String, ClosedRange<UInt16>?)])
    func aForwardTellsWhereItLeads(_ target: String, _ address: String, _ ports: ClosedRange<UInt16>?) {
        let found = decision("*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -j DNAT \(target)\nCOMMIT\n")
        #expect(found.verdict == .open)
        #expect(found.address == address)
        #expect(found.ports == ports)
        #expect(!found.isLocal)
        #expect(found.forward?.chain == "PREROUTING")
    }

    @Test(arguments: [
        "hello", "*filter\n-A INPUT -j ACCEPT\n", "<html>\n</html>", "*filter\n:INPUT DROP\nCOMMIT\nrm -rf /\n",
        "-A INPUT -j ACCEPT",
        "*bogus\nCOMMIT\n", "*filter\n[1:x] -A INPUT -j ACCEPT\nCOMMIT\n",
    ])
    func aListingThatIsNoneOrCutMakesEverythingUnknown(_ text: String) {
        #expect(!ruleSet(text).doubts.isEmpty)
        #expect(decision(text).verdict == .unknown)
    }

    @Test func rulesOfTheOtherBackEndAreMissedUntilTheyAreMerged() {
        let warning = "# Warning: iptables-legacy tables present, use iptables-legacy-save to see them\n"
        let open = "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n"
        #expect(decision(warning + open).verdict == .unknown)
        var both = ruleSet(warning + open)
        both.merge(ruleSet("*filter\n:INPUT DROP [0:0]\nCOMMIT\n")) { $0 == .legacy }
        let network = HostNetwork(.documented)
        guard let source = IPAddress("10.1.0.3"), let host = IPAddress("10.1.0.2") else { return }
        let packet = Packet(tcpFrom: source, at: "tap0", to: host, port: 22, network: network)
        #expect(Evaluator(both, on: network).decide(packet).verdict == .closed)
    }

    @Test func aSourceThatOnlySomePeersHaveLeavesTheVerdictOpen() {
        let text = String(decoding: Captures.standard, as: UTF8.self)
            .replacing(
                "-A CONTAINER_INCOMING -p tcp -m tcp --dport 2003",
                with: "-A CONTAINER_INCOMING -s 10.1.0.7/32 -p tcp -m tcp --dport 2003")
        let report = ForwardsReport(Array(text.utf8))
        #expect(report.row(2003)?.vpn == .unknown)
        #expect(report.row(2003)?.reason?.contains("-s 10.1.0.7/32") == true)
        #expect(report.row(2002)?.vpn == .open)
    }

    @Test func aHostThatDoesNotForwardIsClosed() {
        var network = HostNetwork(.documented)
        network.forwards = false
        let row = ForwardsReport(Captures.standard, network: network).row(22)
        #expect(row?.vpn == .closed && row?.reason?.contains("does not forward") == true)
    }

    /// Whoever attacks picks the port he sends from.
    @Test func aRuleThatLetsASourcePortInIsNotOverlooked() {
        let text = String(decoding: Captures.standard, as: UTF8.self)
        #expect(ForwardsReport(Array(text.utf8)).forwards.allSatisfy { $0.lan == .closed })
        let rules = ["eth0", "tap0"].map { "[0:0] -A INPUT -i \($0) -p tcp -m tcp --sport 53 -j ACCEPT\n" }
        let next = "[0:0] -A INPUT -i tap0 -j HOST_INCOMING\n"
        let open = text.replacing(next, with: rules.joined() + next)
        #expect(open != text)
        let report = ForwardsReport(Array(open.utf8))
        for words in ["a LAN neighbour reaches the host itself", "a VPN peer reaches the host itself"] {
            #expect(
                report.exposures.contains { $0.summary.contains(words) && $0.summary.contains("--sport 53") },
                "\(words)")
        }
        #expect(report.forwards.allSatisfy { $0.vpn == .open })
    }

    @Test func rulesOfNFTAreReadAndOpaqueOnesAreUnknown() {
        let native = RuleSet.fromNFT(Array(RobustnessTests.nft.utf8)).ipv4
        let report = ForwardsReport(
            evaluating: HostRules(ipv4: native, ipv6: nil), topology: .documented, source: .file,
            checkedAt: .distantPast)
        #expect(report.forwards.map(\.port) == Topology.documented.forwardedPorts)
        #expect(report.forwards.allSatisfy { $0.vpn == .open && $0.packets == 3 && $0.to == "10.0.3.2:\($0.port)" })
        let opaque = RobustnessTests.nft.replacing(
            "{\"dnat\": {\"family\": \"ip\", \"addr\": \"10.0.3.2\"}}",
            with: "{\"xt\": {\"type\": \"target\", \"name\": \"DNAT\"}}")
        let second = ForwardsReport(
            evaluating: HostRules(ipv4: RuleSet.fromNFT(Array(opaque.utf8)).ipv4, ipv6: nil), topology: .documented,
            source: .file,
            checkedAt: .distantPast)
        #expect(second.forwards.allSatisfy { $0.vpn == .unknown })
        #expect(second.row(22)?.reason?.contains("DNAT") == true)
    }

    /// nft shows `tcp dport 22 reject with tcp reset` for all four rules; only the kernel's instructions tell them apart.
    @Test(arguments: [
        ("22", [true, true]), ("2000", [true, false]), ("2001", [false, true]), ("2002", [true, false]),
    ])
    func aFamilyThatNFTLeavesOutIsReadFromTheInstructions(port: String, refuses: [Bool]) throws {
        func rule(_ handle: Int, _ port: Int) -> String {
            #"{"rule": {"family": "inet", "table": "t", "chain": "f", "handle": \#(handle), "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": \#(port)}}, {"reject": {"type": "tcp reset"}}]}}"#
        }
        let listing = """
            {"nftables": [{"table": {"family": "inet", "name": "t", "handle": 1}},
            {"chain": {"family": "inet", "table": "t", "name": "f", "handle": 1, "type": "filter", "hook": "input", "prio": 0, "policy": "accept"}},
            \(rule(3, 22)), \(rule(4, 2000)), \(rule(5, 2001)), \(rule(6, 2002))]}
            """
        func instructions(_ handle: Int, _ families: String...) -> String {
            let loads = families.map { "  [ meta load \($0) ]\n" }.joined()
            return
                "inet t f \(handle) \(handle - 1)\n\(loads)  [ meta load l4proto => reg 1 ]\n  [ cmp eq reg 1 0x00000006 ]\n"
                + "  [ reject type 1 code 0 ]\n  userdata = { inet t f 9 }\n\n"
        }
        let bytecode =
            "inet t @some\n\telement 00001600  : 0 [end]\n" + instructions(3)
            + instructions(4, "nfproto => reg 1 ]\n  [ cmp eq reg 1 0x00000002")
            + instructions(5, "nfproto => reg 1 ]\n  [ cmp eq reg 1 0x0000000a")
            + instructions(6, "protocol => reg 1 ]\n  [ cmp eq reg 1 0x00000008") + "table inet t {\n}\n"

        func verdicts(_ bytecode: String) throws -> [Decision.Verdict] {
            let rules = RuleSet.fromNFT(Array(listing.utf8), bytecode: Array(bytecode.utf8))
            return try [(rules.ipv4, "10.1.0.3", "10.1.0.2"), (rules.ipv6, "fe80::3", "fe80::2")].map {
                var network = HostNetwork(.documented)
                let own = try #require(IPAddress($2))
                network.addresses.append(NetworkInterface(name: "tap0", address: own))
                let packet = Packet(
                    tcpFrom: try #require(IPAddress($1)), sourcePort: 40000, at: "tap0", to: own,
                    port: try #require(UInt16(port)), network: network)
                return Evaluator($0, on: network).decide(packet).verdict
            }
        }
        #expect(try verdicts(bytecode) == refuses.map { $0 ? .closed : .open })
        #expect(try verdicts("") == [.unknown, .unknown])
        let cut = bytecode.replacing("inet t f ", with: "inet t g ")
        #expect(try verdicts(cut) == [.unknown, .unknown])
        let strange = bytecode.replacing("cmp eq reg 1 0x0000000", with: "cmp eq reg 1 0x0000001")
        #expect(try verdicts(strange) == (port == "22" ? [.closed, .closed] : [.unknown, .unknown]))
    }
}
