import Core
import FoundationEssentials
import Host
@testable import Netfilter
import Platform
import Testing
import TestSupport

/// What matches of nft mean: bits, sets, comparisons.
@Suite struct NFTMatchTests {
    /// A rule set in which one match lets pass what comes by tap0 for port 2000 of the host, which is translated first.
    static func listing(_ match: String, table: String = "ip", sets: String = "", translates: Bool = true) -> RuleSet {
        func object(_ kind: String, _ rest: String) -> String {
            #"{"\#(kind)":{"family":"\#(table)","table":"t",\#(rest)}}"#
        }
        func chain(_ name: String, _ type: String, _ hook: String, _ priority: Int, _ policy: String) -> String {
            object(
                "chain",
                #""name":"\#(name)","type":"\#(type)","hook":"\#(hook)","prio":\#(priority),"policy":"\#(policy)""#)
        }
        var objects = [
            #"{"table":{"family":"\#(table)","name":"t"}}"#, chain("pre", "nat", "prerouting", -100, "accept"),
            chain("fwd", "filter", "forward", 0, "drop"), chain("in", "filter", "input", 0, "drop"),
        ]
        if !sets.isEmpty { objects.append(sets) }
        if translates { objects.append(object("rule", #""chain":"pre","expr":[{"dnat":{"addr":"10.0.3.2"}}]"#)) }
        let answers = object(
            "rule",
            #""chain":"fwd","expr":[{"match":{"op":"in","left":{"ct":{"key":"state"}},"right":"established"}},{"accept":null}]"#
        )
        let own = ["fwd", "in"].map {
            object("rule", #""chain":"\#($0)","expr":[{"match":\#(match)},{"accept":null}]"#)
        }
        objects += [answers] + own
        return RuleSet.fromNFT(Array("{\"nftables\":[\(objects.joined(separator: ","))]}".utf8)).ipv4
    }

    private func verdict(_ match: String, sets: String = "") throws -> Decision.Verdict {
        let network = HostNetwork(.documented)
        let rules = Self.listing(match, sets: sets)
        try #require(rules.doubts.isEmpty)
        let packet = Packet(
            tcpFrom: try #require(IPAddress("10.1.0.3")), sourcePort: 40000, at: "tap0",
            to: try #require(IPAddress("10.1.0.2")), port: 2000, network: network)
        return Evaluator(rules, on: network).decide(packet).verdict
    }

    private static func match(_ op: String, _ left: String, _ right: String, mask: String? = nil) -> String {
        let left = mask.map { #"{"&":[\#(left),\#($0)]}"# } ?? left
        return #"{"op":"\#(op)","left":\#(left),"right":\#(right)}"#
    }

    private static let state = #"{"ct":{"key":"state"}}"#
    private static let status = #"{"ct":{"key":"status"}}"#
    private static let flags = #"{"payload":{"protocol":"tcp","field":"flags"}}"#
    private static let port = #"{"payload":{"protocol":"tcp","field":"dport"}}"#
    private static let source = #"{"payload":{"protocol":"ip","field":"saddr"}}"#
    private static let card = #"{"meta":{"key":"iifname"}}"#

    /// `==` asks for the whole number, in which the kernel has other bits beside `dnat`; `in` for one bit of it.
    @Test(
        arguments: [
            (match("in", status, "\"dnat\""), .open), (match("==", status, "\"dnat\""), .closed),
            (match("!=", status, "\"dnat\""), .open), (match("!", status, "\"dnat\""), .closed),
            (match("!", status, "\"snat\""), .open), (match("in", status, "\"snat\""), .closed),
            (match("in", status, #"["snat","dnat"]"#), .open),
            (match("==", status, #"{"set":["snat","dnat"]}"#), .closed),
            (match("!=", status, #"{"set":["snat","dnat"]}"#), .open),
            (match("==", status, "\"dnat\"", mask: #"["snat","dnat"]"#), .open),
            (match("==", status, "\"dnat\"", mask: #"{"|":["snat","dnat"]}"#), .open),
            (match("!=", status, "\"dnat\"", mask: #"["snat","dnat"]"#), .closed),
            (match("==", status, #"["snat","dnat"]"#, mask: #"["snat","dnat"]"#), .closed),
            (match("==", status, "0"), .closed), (match("!=", status, "0"), .open),
            (match("==", status, "\"dnat\"", mask: #"["assured","dnat"]"#), .open),
            (match("in", status, "\"assured\""), .closed), (match("==", status, "\"dnat\"", mask: "32"), .open),
            (match("in", status, #""unheard-of""#), .unknown), (match("in", status, #"{"set":["dnat"]}"#), .unknown),
            (match("<", status, "\"dnat\""), .unknown), (match("in", status, "\"dnat\"", mask: "32"), .unknown),
            (match("==", #"{"ct":{"key":"status","dir":"original"}}"#, "\"dnat\""), .unknown),
        ] as [(String, Decision.Verdict)]) func bitsOfAStatusAreComparedAsTheKernelDoes(
            match: String, expected: Decision.Verdict
        ) throws
    {
        #expect(try verdict(match) == expected)
    }

    @Test(
        arguments: [
            (match("in", state, "\"new\""), .open), (match("==", state, "\"new\""), .open),
            (match("==", state, #"["new","established"]"#), .closed),
            (match("==", state, #"{"|":["new","established"]}"#), .closed),
            (match("in", state, #"["new","established"]"#), .open),
            (match("==", state, #"{"set":["new","established"]}"#), .open),
            (match("!=", state, #"{"set":["new","established"]}"#), .closed), (match("!", state, "\"new\""), .closed),
            (match("!=", state, #"{"|":["new","established"]}"#), .open),
            (match("!", state, "\"established\""), .open),
            (match("==", state, "\"new\"", mask: #"["new","related"]"#), .open),
            (match("==", state, "0", mask: "\"new\""), .closed), (match("==", state, "8"), .open),
            (match("in", state, "12"), .open), (match("in", state, "\"dnat\""), .unknown),
        ] as [(String, Decision.Verdict)]) func aStateIsOneBit(match: String, expected: Decision.Verdict) throws
    {
        #expect(try verdict(match) == expected)
    }

    @Test(
        arguments: [
            (match("in", flags, "\"syn\""), .open), (match("==", flags, "\"syn\""), .open),
            (match("!=", flags, "\"syn\""), .closed),
            (match("==", flags, "18"), .closed), (match("in", flags, #"["syn","ack"]"#), .open),
            (match("==", flags, #"{"|":["syn","ack"]}"#), .closed),
            (match("==", flags, #"{"set":["syn","ack"]}"#), .open),
            (match("==", flags, #"{"set":["syn","ack"]}"#, mask: #"{"|":["syn","ack"]}"#), .open),
            (match("!", flags, "\"ack\""), .open), (match("!", flags, #"["syn","ack"]"#), .closed),
            (match("==", flags, "\"syn\"", mask: #"["fin","syn","rst","ack"]"#), .open),
            (match("==", flags, "\"ack\"", mask: "\"syn\""), .closed), (match("in", flags, "\"cwr\""), .closed),
            (match("==", flags, "258"), .closed), (match("in", flags, "\"SYN\""), .unknown),
        ] as [(String, Decision.Verdict)]) func flagsOfTCPAreOneByte(match: String, expected: Decision.Verdict) throws
    {
        #expect(try verdict(match) == expected)
    }

    @Test(
        arguments: [
            (match(">", port, "1999"), .open), (match(">", port, "2000"), .closed), (match(">=", port, "2000"), .open),
            (match("<", port, "2000"), .closed), (match("<=", port, "2000"), .open),
            (match(">", port, "65535"), .closed),
            (match("<", port, "0"), .closed), (match("in", port, "2000"), .unknown),
            (match("in", port, #"{"set":[2000]}"#), .open),
            (match("==", port, "1", mask: "1"), .unknown), (match(">", source, "\"10.1.0.2\""), .open),
            (match("<=", source, "\"10.1.0.2\""), .closed),
            (match("==", source, "\"0.0.0.3\"", mask: "\"0.0.0.255\""), .unknown),
            (match("==", #"{"payload":{"tunnel":"vxlan","protocol":"tcp","field":"dport"}}"#, "2000"), .unknown),
            (match("==", #"{"payload":{"base":"th","offset":16,"len":16}}"#, "2000"), .unknown),
            (match("==", card, #"{"set":["eth0","tap0"]}"#), .open),
            (match("!=", card, #"{"set":["eth0","tap0"]}"#), .closed),
            (match("==", card, "\"tap*\""), .open), (match("==", card, "\"tap+\""), .closed),
            (match("!=", card, "\"tap+\""), .open),
            (match("==", card, #"{"set":["*"]}"#), .open), (match("==", card, #""tap\\*""#), .unknown),
        ] as [(String, Decision.Verdict)]) func numbersAndNamesAreComparedAsTheKernelDoes(
            match: String, expected: Decision.Verdict
        )
        throws
    {
        #expect(try verdict(match) == expected)
    }

    // MARK: How versions of nft write the same

    /// Newer versions write a list of one as the one.
    @Test(arguments: [
        #""flags": "daddr""#, #""flags": ["daddr"]"#, #""flags": ["daddr", "iif"]"#, #""flags": "saddr""#,
        #""flags": []"#,
    ]) func aListOfOneMayBeWrittenAsTheOne(flags: String) throws {
        let text = String(decoding: Captures.bytes("fib-flags.nft.json"), as: UTF8.self)
        try #require(text.contains(#""flags": "daddr""#))
        let listing = try HostListing(Array(text.replacing(#""flags": "daddr""#, with: flags).utf8))
        let report = listing.report(.documented, source: .file, checkedAt: .distantPast)
        let expected: Verdict = flags.hasSuffix(#""daddr""#) || flags.hasSuffix(#"["daddr"]"#) ? .open : .unknown
        #expect(report.forwards.filter { $0.port >= 2000 }.allSatisfy { $0.vpn == expected }, "\(report.forwards)")
    }

    private static func set(_ rest: String) -> String {
        #"{"set":{"family":"ip","name":"s","table":"t","type":"inet_service"\#(rest)}}"#
    }

    @Test(
        arguments: [
            (#","elem":[2000]"#, .open), (#","elem":2000"#, .open),
            (#","flags":"interval","elem":[{"range":[1,3000]}]"#, .open),
            (#","elem":[{"elem":{"val":2000,"timeout":60,"expires":5}}]"#, .open),
            (#","elem":{"elem":{"val":2000}}"#, .open),
            (#","flags":["interval"],"elem":{"range":[1,9]}"#, .closed), ("", .closed), (#","elem":["*"]"#, .unknown),
            (#","elem":[{"elem":{"val":"*"}}]"#, .unknown), (#","elem":[22,{"concat":[1,2]}]"#, .unknown),
            (#","elem":[[2000,{"drop":null}]]"#, .unknown), (#","elem":null"#, .unknown),
            (#","elem":"2000""#, .unknown),
        ] as [(String, Decision.Verdict)]) func elementsOfASetAreReadInEachWayTheyAreWritten(
            rest: String, expected: Decision.Verdict
        )
        throws
    {
        #expect(try verdict(Self.match("==", Self.port, "\"@s\""), sets: Self.set(rest)) == expected)
    }

    /// `nft --terse` leaves the elements of sets out: a set in a mail that has none may have some.
    @Test func aSetWithoutElementsIsEmptyOnlyWhereTheListingIsWhole() throws {
        let json = #"""
            {"nftables":[{"table":{"family":"ip","name":"t"}},{"set":{"family":"ip","name":"s","table":"t","type":"ipv4_addr"}},
            {"chain":{"family":"ip","table":"t","name":"in","type":"filter","hook":"input","prio":0,"policy":"accept"}},
            {"rule":{"family":"ip","table":"t","chain":"in","expr":[{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":"@s"}},{"drop":null}]}}]}
            """#
        let network = HostNetwork(.documented)
        for (text, expected) in [
            (json, Decision.Verdict.unknown),
            ("\n#scout nft\n\(json)\n#scout-status 0\n\n#scout forwarding\n1\n#scout-status 0\n", .open),
        ] {
            let rules = try RuleListing(Array(text.utf8)).rules.ipv4
            let packet = Packet(
                tcpFrom: try #require(IPAddress("10.1.0.3")), at: "tap0", to: try #require(IPAddress("10.1.0.2")),
                port: 23,
                network: network)
            #expect(Evaluator(rules, on: network).decide(packet).verdict == expected)
        }
    }

    // MARK: What must not be passed over in silence

    @Test(arguments: [
        "1", "[]", "null", #"{"a":{},"b":{}}"#, #"{"rule":{"table":"t","chain":"in","expr":[]}}"#,
        #"{"table":{"family":"ip","name":"t"}}"#, #"{"elsewhere":{"family":"ip","table":"t"}}"#,
        #"{"chain":{"family":"ip","table":"t","name":"in","type":"filter","hook":"input","prio":0,"policy":"accept"}}"#,
        #"{"chain":{"family":"ip","table":"t","name":"x","type":"filter","hook":"input","prio":"filter","policy":"accept"}}"#,
        #"{"chain":{"family":"ip","table":"t","name":"x","type":"filter","hook":"input"}}"#,
        #"{"chain":{"family":"ip","table":"t","name":"x","type":"other","hook":"input","prio":0}}"#,
        #"{"chain":{"family":"ip","table":"t","name":"x","type":"filter","hook":"ingress","prio":0}}"#,
        #"{"rule":{"family":"netdev","table":"n","chain":"i","expr":[{"drop":null}]}}"#,
        #"{"set":{"family":"ip","name":"s","table":"t","elem":[1]}},{"set":{"family":"ip","name":"s","table":"t","elem":[2]}}"#,
    ]) func whatIsNotUnderstoodOfAListingLeavesADoubt(object: String) {
        let rules = Self.listing(Self.match("==", Self.port, "2000"), sets: object)
        #expect(!rules.doubts.isEmpty)
    }

    @Test(arguments: [
        (#"{"limit":{"rate":5,"burst":5,"per":"second"}}"#, "limit"), (#"{"limit":"named"}"#, "limit"),
        (#"{"quota":{"val":1,"val_unit":"bytes"}}"#, "quota"), (#"{"ct count":{"val":5,"inv":true}}"#, "ct count"),
        (
            #"{"set":{"op":"add","elem":{"payload":{"protocol":"ip","field":"saddr"}},"set":"@s"}}"#,
            "the set that it changes"
        ),
        (#"{"meter":{"key":{"payload":{"protocol":"ip","field":"saddr"}},"stmt":{},"size":1}}"#, "meter"),
        (#"{"xt":{"type":"match","name":"recent"}}"#, "recent"),
        (#"{"xt":{"type":"match","name":"hashlimit"}}"#, "hashlimit"),
    ]) func aMatchThatHangsOnWhatCameBeforeIsNamed(statement: String, name: String) throws {
        let network = HostNetwork(.documented)
        let chain =
            #"{"chain":{"family":"ip","table":"t","name":"in","type":"filter","hook":"input","prio":0,"policy":"drop"}}"#
        let json =
            #"{"nftables":[{"table":{"family":"ip","name":"t"}},\#(chain),{"rule":{"family":"ip","table":"t","chain":"in","expr":[\#(statement),{"accept":null}]}}]}"#
        let packet = Packet(
            tcpFrom: try #require(IPAddress("10.1.0.3")), at: "tap0", to: try #require(IPAddress("10.1.0.2")), port: 23,
            network: network)
        let decision = Evaluator(RuleSet.fromNFT(Array(json.utf8)).ipv4, on: network).decide(packet)
        #expect(decision.verdict == .unknown)
        #expect(decision.reason.contains("may match or not for its '\(name)'"), "\(decision.reason)")
    }
}
