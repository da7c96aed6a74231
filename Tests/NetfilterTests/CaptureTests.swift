import Core
import FoundationEssentials
import Netfilter
import TestSupport
import Testing

@Suite struct CaptureTests {
    static let forwarded: [UInt16] = [22] + Array(2000...2009) + Array(5900...5909)

    @Test func stockRulesForwardTheDocumentedPortsFromTheVPNOnly() {
        let report = ForwardsReport(Captures.standard)
        #expect(report.forwards.map(\.port) == Self.forwarded)
        for row in report.forwards {
            #expect(row.vpn == .open)
            #expect(row.lan == .closed)
            #expect(row.to == "10.0.3.2:\(row.port)")
            #expect(row.reason == nil)
        }
        #expect(report.lan.enabled == false)
    }

    @Test func stockRulesWithLANAccessForwardThemFromTheLANToo() {
        let report = ForwardsReport(Captures.lan)
        #expect(report.forwards.map(\.port) == Self.forwarded)
        for row in report.forwards {
            #expect(row.vpn == .open)
            #expect(row.lan == .open)
        }
        #expect(report.lan.enabled == true)
    }

    @Test(arguments: [false, true]) func stockRulesExposeTheContainerByAStaticRoute(lan: Bool) {
        let report = ForwardsReport(lan ? Captures.lan : Captures.standard)
        let found = report.exposures(about: "LAN neighbour", "static route", "tcp 1-65535", "eth0", "wlan0")
        #expect(found.count == 1)
        #expect(found.first?.severity == .critical)
        #expect(report.exposures.first?.severity == .critical)
    }

    @Test func thePortsOfTheTopologyHaveRowsEvenWhereNothingForwardsThem() {
        let report = ForwardsReport(
            Array("*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\nCOMMIT\n".utf8), topology: .since2021)
        #expect(report.forwards.map(\.port) == Self.forwarded)
        #expect(report.forwards.allSatisfy { $0.vpn == .closed && $0.lan == .closed })
        #expect(report.row(22)?.reason?.contains("policy DROP") == true)
        #expect(report.row(2000)?.to == "10.3.0.2:2000")
    }

    @Test func theCountersAreThoseOfTheForwardingRule() {
        let text = String(decoding: Captures.standard, as: UTF8.self)
            .replacing(
                "[0:0] -A CONTAINER_INCOMING -p tcp -m tcp --dport 2003",
                with: "[7:420] -A CONTAINER_INCOMING -p tcp -m tcp --dport 2003")
        let report = ForwardsReport(Array(text.utf8))
        #expect(report.row(2003)?.packets == 7)
        #expect(report.row(2003)?.bytes == 420)
        #expect(report.row(2002)?.packets == 0)
    }

    /// A rule that may match or not decides about the host alone: the container is out of reach either way.
    @Test(arguments: [
        "-m limit --limit 10/sec -j ACCEPT", "-m recent --update --seconds 60 --name DEFAULT --rsource -j ACCEPT",
        "-m hashlimit --hashlimit-upto 5/min --hashlimit-name x -j ACCEPT", "-m recent --set --name DEFAULT --rsource",
    ]) func aPortThatNothingForwardsIsClosedWhateverStandsBeforeTheHost(rule: String) {
        let text = String(decoding: Captures.limited, as: UTF8.self)
        let report = ForwardsReport(Array(text.replacing("-m limit --limit 10/sec -j ACCEPT", with: rule).utf8))
        let row = report.row(2003)
        #expect(row?.vpn == .closed && row?.lan == .closed && row?.reason?.contains("no rule forwards") == true)
        #expect(report.row(2002)?.vpn == .open && report.row(2002)?.lan == .closed)
        #expect(
            report.exposures(about: "can't be excluded", "VPN peer reaches the host itself").isEmpty
                == rule.contains("--set"))
        // Where such a rule stands before a forward, it does decide.
        let forward = text.replacing(
            "-A CONTAINER_INCOMING -p tcp -m tcp --dport 2002",
            with: "-A CONTAINER_INCOMING -p tcp \(rule) --dport 2002"
        )
        .replacing("-j ACCEPT --dport 2002", with: "-m tcp --dport 2002")
        if !rule.contains("--set") { #expect(ForwardsReport(Array(forward.utf8)).row(2002)?.vpn == .unknown) }
    }

    @Test func aRemovedForwardIsClosedAndSaysSo() {
        let lines = String(decoding: Captures.standard, as: UTF8.self).split(separator: "\n")
            .filter { !$0.contains("--dport 2003 ") }
        let report = ForwardsReport(Array(lines.joined(separator: "\n").utf8))
        #expect(report.row(2003)?.vpn == .closed)
        #expect(report.row(2003)?.reason != nil)
        #expect(report.row(2004)?.vpn == .open)
    }

    @Test func aForwardToAnotherAddressIsClosedAndNamesTheRule() {
        let text = String(decoding: Captures.standard, as: UTF8.self)
            .replacing("--to-destination 10.0.3.2:2003", with: "--to-destination 10.0.3.9:2003")
            .replacing("-A FORWARD -d 10.0.3.2/32 -i tap0", with: "-A FORWARD -i tap0")
        let row = ForwardsReport(Array(text.utf8)).row(2003)
        #expect(row?.vpn == .closed)
        #expect(row?.to == "10.0.3.9:2003")
        #expect(row?.reason?.contains("CONTAINER_INCOMING 5") == true)
    }

    @Test func anEarlierRuleShadowsAForward() {
        let text = String(decoding: Captures.standard, as: UTF8.self).replacing(
            "[0:0] -A FORWARD -i ve-container -o eth0 -j ACCEPT",
            with:
                "[0:0] -A FORWARD -p tcp -m tcp --dport 2003 -j DROP\n[0:0] -A FORWARD -i ve-container -o eth0 -j ACCEPT"
        )
        let row = ForwardsReport(Array(text.utf8)).row(2003)
        #expect(row?.vpn == .closed)
        #expect(row?.reason?.contains("filter FORWARD 1: -A FORWARD -p tcp -m tcp --dport 2003 -j DROP") == true)
    }

    @Test func aConnectionWhoseAnswersAreDroppedIsClosed() {
        let text = String(decoding: Captures.standard, as: UTF8.self)
            .replacing("[0:0] -A FORWARD -s 10.0.3.2/32 -i ve-container -o tap0 -j ACCEPT\n", with: "")
            .replacing("[0:0] -A FORWARD -i ve-container -j ACCEPT\n", with: "")
        let row = ForwardsReport(Array(text.utf8)).row(22)
        #expect(row?.vpn == .closed)
        #expect(row?.reason?.contains("answer") == true)
    }

    @Test func hostControlFollowsTheRuleOfTheHostsPort() {
        let with = ForwardsReport(Captures.standard)
        let text = String(decoding: Captures.standard, as: UTF8.self)
            .replacing("[0:0] -A HOST_INCOMING -p tcp -m tcp --dport 23 -j ACCEPT\n", with: "")
        #expect(with.hostControl == .init(enabled: true, port: 23))
        #expect(!ForwardsReport(Array(text.utf8)).hostControl.enabled)
    }

    @Test func aRuleOfASwitchThatIsThereTwiceIsAnExposure() {
        let rule = "[0:0] -A PREROUTING -i eth0 -j CONTAINER_INCOMING\n"
        let text = String(decoding: Captures.lan, as: UTF8.self).replacing(rule, with: rule + rule)
        #expect(ForwardsReport(Captures.lan).exposures(about: "2 times").isEmpty)
        #expect(ForwardsReport(Array(text.utf8)).exposures(about: "2 times", "nat PREROUTING").count == 1)
    }

    @Test func missingIPv6RulesAreToldFromOpenOnesAndClosedOnes() {
        let unknown = ForwardsReport(Captures.standard).exposures(about: "IPv6")
        #expect(unknown.map(\.severity) == [.warning])
        let open = ForwardsReport(Captures.standard, ipv6: "").exposures(
            about: "over IPv6 a LAN neighbour", "tcp 1-65535")
        #expect(open.contains { $0.severity == .critical })
        let drop = "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
        #expect(ForwardsReport(Captures.standard, ipv6: drop).exposures(about: "IPv6").isEmpty)
    }

    @Test func theReportKeepsTheContractsShape() throws {
        let data = try JSON.encode(ForwardsReport(Captures.standard))
        let text = String(decoding: data, as: UTF8.self)
        for key in [
            "\"schema\" : \"scout.forwards/1\"", "\"checkedAt\" : \"1970-01-01T00:00:00Z\"", "\"protocol\" : \"tcp\"",
            "\"hostControl\"", "\"enabled\"", "\"severity\"", "\"packets\"", "\"bytes\"", "\"source\" : \"file\"",
        ] {
            #expect(text.contains(key))
        }
        #expect(try JSON.decode(ForwardsReport.self, from: data) == ForwardsReport(Captures.standard))
    }
}
