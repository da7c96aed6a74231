import Core
import FoundationEssentials
import Host
@testable import Netfilter
import Testing

/// Who is up to no good makes his packets himself: flags beside SYN, headers before TCP's, another's address.
@Suite struct CraftedPacketTests {
    private static func report(input: [String], settings: String? = nil) throws -> ForwardsReport {
        let rules =
            ["*filter", ":INPUT ACCEPT [0:0]", ":FORWARD DROP [0:0]", ":OUTPUT ACCEPT [0:0]"]
            + input.map { "-A INPUT \($0)" } + ["COMMIT", ""]
        return try HostFactsTests.report(
            Array(rules.joined(separator: "\n").utf8), replacing: settings.map { ["settings": $0] } ?? [:])
    }

    private static let closed = ["-p tcp -m tcp ! --dport 8080 -j DROP", "-p udp -j DROP"]

    /// The kernel takes a SYN with PSH, URG or both of congestion's flags for a SYN.
    @Test(
        arguments: [
            ("--tcp-flags FIN,SYN,RST,PSH,ACK,URG SYN -j DROP", "sets psh beside syn"),
            ("--tcp-flags SYN,PSH SYN -j DROP", "sets psh beside syn"),
            ("--tcp-flags SYN,URG SYN,URG -j DROP", ""), ("--tcp-flags FIN,SYN,RST,PSH,ACK,URG ACK -j DROP", ""),
        ]) func aRuleForOneKindOfSynClosesNothingForStrangers(match: String, words: String) throws
    {
        let report = try Self.report(input: Self.closed + ["-p tcp -m tcp \(match)"])
        for who in [
            "a LAN neighbour reaches the host itself: tcp 8080", "in the container reaches the host itself: tcp 8080",
        ] {
            let found = report.exposures(about: who)
            #expect(found.count == 1 && found.allSatisfy { $0.summary.contains(words) }, "\(report.exposures)")
        }
        #expect(report.exposures(about: "can't be excluded").isEmpty, "\(report.exposures)")
    }

    @Test(arguments: [
        "--tcp-flags FIN,SYN,RST,ACK SYN", "--tcp-flags SYN,ACK SYN", "--tcp-flags SYN SYN",
        "! --tcp-flags SYN,RST RST",
    ]) func aRuleForEverySynCloses(match: String) throws {
        let report = try Self.report(input: Self.closed + ["-p tcp -m tcp \(match) -j DROP"])
        #expect(report.exposures(about: "tcp 8080").isEmpty, "\(report.exposures)")
    }

    @Test func twoRulesForBothKindsOfSynClose() throws {
        let flags = "-p tcp -m tcp --tcp-flags SYN,PSH"
        let report = try Self.report(input: Self.closed + ["\(flags) SYN -j DROP", "\(flags) SYN,PSH -j DROP"])
        #expect(report.exposures(about: "tcp 8080").isEmpty, "\(report.exposures)")
    }

    // MARK: Another's address

    private static func settings(_ all: Int, _ card: Int) -> String {
        "all 1 0 0 0 0 \(all)\ndefault 1 0 0 0 0 \(card)\neth0 1 0 0 0 0 \(card)\ntap0 1 0 0 0 0 \(card)\nve-container 1 0 0 0 0 \(card)\n"
    }

    /// One datagram is enough, and its sender writes on it what he likes; TCP waits for an answer that goes elsewhere.
    @Test func aDatagramFromAnothersAddressArrives() throws {
        let rules = [
            "-s 10.1.0.0/24 -p udp --dport 161 -j ACCEPT", "-s 10.1.0.0/24 -p tcp --dport 162 -j ACCEPT",
            "-s 192.168.77.5/32 -p udp --dport 163 -j ACCEPT", "-s 10.1.0.2/32 -p udp --dport 164 -j ACCEPT", "-j DROP",
        ]
        for (all, card) in [(0, 0), (0, 2), (2, 1), (1, 2)] {
            let report = try Self.report(input: rules, settings: Self.settings(all, card))
            let lan = report.exposures(about: "a LAN neighbour reaches the host itself: udp 161", "sends as 10.1.0.")
            #expect(lan.map(\.severity) == [.critical], "\(all) \(card): \(report.exposures)")
            #expect(report.exposures(about: "in the container reaches the host itself: udp 161").count == 1)
            #expect(report.exposures(about: "a VPN peer reaches the host itself", "163").count == 1)
            #expect(report.exposures(about: "LAN neighbour", "162").isEmpty, "\(report.exposures)")
            // The host's own addresses nobody can send from.
            #expect(report.exposures(about: "164").isEmpty, "\(report.exposures)")
        }
        for (all, card) in [(1, 0), (0, 1), (1, 1)] {
            let report = try Self.report(input: rules, settings: Self.settings(all, card))
            #expect(report.exposures(about: "LAN neighbour", "161").isEmpty, "\(all) \(card): \(report.exposures)")
            #expect(report.exposures(about: "LAN neighbour", "163").count == 1)
            #expect(report.exposures(about: "VPN peer", "163").isEmpty)
        }
    }

    // MARK: Headers of IPv6

    /// One rule for all that comes in, in a table of iptables' name; iptables' own listing is what its tool makes of it.
    private static func overIPv6(_ match: String, _ verdict: String, policy: String, saved: String) throws
        -> [ForwardsReport.Exposure]
    {
        let place = #""family":"ip6","table":"filter""#
        let json =
            #"{"nftables":[{"table":{"family":"ip6","name":"filter"}},"#
            + #"{"chain":{\#(place),"name":"INPUT","type":"filter","hook":"input","prio":0,"policy":"\#(policy)"}},"#
            + #"{"rule":{\#(place),"chain":"INPUT","expr":[{"match":\#(match)},{"\#(verdict)":null}]}}]}"#
        let save =
            "*filter\n:INPUT \(policy.uppercased()) [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n"
            + "-A INPUT \(saved) -j \(verdict.uppercased())\nCOMMIT\n"
        let parts = [("iptables nft", HostFactsTests.closed6), ("ip6tables nft", save), ("nft", json)]
        let text = parts.map { "\n#scout \($0)\n\($1)\n#scout-status 0\n" }.joined()
        return try HostListing(Array(text.utf8)).report(.documented, source: .ssh, checkedAt: .distantPast)
            .exposures(about: "over IPv6 a LAN neighbour")
    }

    private static func next(_ op: String, _ right: String) -> String {
        #"{"op":"\#(op)","left":{"payload":{"protocol":"ip6","field":"nexthdr"}},"right":\#(right)}"#
    }

    /// `ip6 nexthdr tcp` does not match a segment behind a header of options.
    @Test func aRuleForTheNextHeaderClosesNothingForStrangers() throws {
        for match in [
            Self.next("==", "\"tcp\""), Self.next("==", "6"), Self.next("!=", #"{"set":["udp",0,43,44,60]}"#),
        ] {
            let found = try Self.overIPv6(match, "drop", policy: "accept", saved: "-p tcp")
            #expect(
                found.contains { $0.summary.contains("tcp 1-65535") && $0.summary.contains("another header of IPv6") },
                "\(match): \(found)")
        }
        let all = Self.next("==", #"{"set":["tcp","udp",0,43,44,60]}"#)
        #expect(try Self.overIPv6(all, "drop", policy: "accept", saved: "").isEmpty)
        let transport = #"{"op":"==","left":{"meta":{"key":"l4proto"}},"right":"tcp"}"#
        let udp = try Self.overIPv6(transport, "drop", policy: "accept", saved: "-p tcp")
        #expect(!udp.isEmpty && udp.allSatisfy { !$0.summary.contains("tcp 1") }, "\(udp)")
        // Who sends no such header passes what asks for none.
        let open = try Self.overIPv6(Self.next("==", "\"tcp\""), "accept", policy: "drop", saved: "-p tcp")
        #expect(open.count == 1 && open[0].severity == .critical, "\(open)")
    }
}
