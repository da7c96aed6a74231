import Core
@testable import Forwarding
import TestSupport
import Testing

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

    private func verdict(_ match: String, sets: String = "") throws -> Verdict {
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
        ] as [(String, Verdict)]) func bitsOfAStatusAreComparedAsTheKernelDoes(match: String, expected: Verdict) throws
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
        ] as [(String, Verdict)]) func aStateIsOneBit(match: String, expected: Verdict) throws
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
        ] as [(String, Verdict)]) func flagsOfTCPAreOneByte(match: String, expected: Verdict) throws
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
        ] as [(String, Verdict)]) func numbersAndNamesAreComparedAsTheKernelDoes(match: String, expected: Verdict)
        throws
    {
        #expect(try verdict(match) == expected)
    }
}
