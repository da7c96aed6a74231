import Core
import FoundationEssentials
import Forwarding
import Testing

/// What one rule, in front of a policy to drop, does with a SYN from 10.1.0.3 to the host's port 2000.
private func verdict(_ rule: String, policy: String = "DROP") -> Verdict {
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
        "# Table `x' is incompatible, use 'nft' tool.\n",
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
        both.merge(ruleSet("*filter\n:INPUT DROP [0:0]\nCOMMIT\n"))
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

    @Test func aDiscreetReportHoldsNothingOfTheOwnersNetwork() {
        let text = String(decoding: Captures.standard, as: UTF8.self)
            .replacing(
                "[0:0] -A FORWARD -i eth0 -o ve-container -j ACCEPT",
                with:
                    "[0:0] -A FORWARD -s 192.168.1.0/24 -i eth0 -o ve-container -m mac --mac-source 02:00:5e:10:00:01 -m comment --comment \"my wifi is secret\" -j ACCEPT"
            )
            .replacing("--to-destination 10.0.3.2:2003", with: "--to-destination 192.168.1.77:2003")
        let full = ForwardsReport(Array(text.utf8))
        let report = full.discreet(.documented)
        let all = "\(report)"
        for secret in ["192.168.1", "02:00:5e", "secret", "wifi"] {
            #expect("\(full)".contains(secret))
            #expect(!all.contains(secret))
        }
        #expect(all.contains("10.0.3.2") && all.contains("ve-container"))
        #expect(report.row(22) == full.row(22))
    }
}
