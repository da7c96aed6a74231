import Core
import FoundationEssentials
import Glibc
import Host
@testable import Netfilter
import Platform
import Testing
import TestSupport

@Suite struct RobustnessTests {
    /// Words that mean something to the parser, so that changes reach beyond its first checks.
    private static let words = [
        "!", "-A", "-j", "-g", "-m", "-p", "-s", "-i", "tcp", "--dport", "--dports", "multiport", "0", "65535", "65536",
        "-1", ":",
        "DNAT", "--to-destination", "10.0.3.2-10.0.3.1", "::1", "/33", "[", "]", "\"", "\\", "COMMIT", "*nat",
        "*filter", ":INPUT",
        "CONTAINER_INCOMING", "HOST_INCOMING", "RETURN", "\n", "[18446744073709551616:1]", "--ctstate", "NEW,DNAT", "-",
        "--tcp-flags",
        "REDIRECT", "--to-ports", "9-1", "conntrack", "+", "iprange", "--dst-range", "\u{0}", "é",
        "-m string --string -j",
    ].map { Array($0.utf8) }

    static func mutate(_ original: [UInt8], _ random: inout Seeded) -> [UInt8] {
        var bytes = original
        // Mostly a part, so that many inputs fit into the time.
        if random.chance(80), bytes.count > 600 {
            let start = Int.random(in: 0..<bytes.count - 600, using: &random)
            bytes = Array(bytes[start..<start + Int.random(in: 1...600, using: &random)])
            if random.chance(70) {
                bytes =
                    Array("*nat\n:PREROUTING ACCEPT\n:CONTAINER_INCOMING -\n".utf8) + bytes + Array("\nCOMMIT\n".utf8)
            }
        }
        for _ in 0..<Int.random(in: 1...6, using: &random) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0: bytes[place] = UInt8.random(in: 0 ... .max, using: &random)
            case 1: bytes.remove(at: place)
            case 2: bytes.insert(contentsOf: random.pick(words), at: place)
            case 3: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...40, using: &random)))
            case 4:
                let part = bytes[place..<min(bytes.count, place + Int.random(in: 1...80, using: &random))]
                bytes.insert(contentsOf: part, at: Int.random(in: 0...bytes.count, using: &random))
            default: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            }
        }
        return bytes
    }

    @Test(.timeLimit(.minutes(10))) func noListingCrashesOrHangsTheParserOrTheEvaluation() throws {
        var random = Seeded(Soak.seed)
        let seeds = [Captures.standard, Captures.lan]
        let source = try #require(IPAddress("10.1.0.3"))
        let host = try #require(IPAddress("10.1.0.2"))
        let network = HostNetwork(.documented)
        for number in 0..<(Soak.isOn ? 120_000 : 4000) {
            let text = Self.mutate(random.pick(seeds), &random)
            let rules = RuleSet(iptablesSave: text, family: number % 7 == 0 ? .ipv6 : .ipv4)
            #expect(rules.ruleCount <= text.count)
            let evaluator = Evaluator(rules, on: network, effort: 1_000_000)
            for port: UInt16 in [22, 2005] {
                let decision = evaluator.decide(
                    Packet(tcpFrom: source, at: "tap0", to: host, port: port, network: network))
                if !rules.doubts.isEmpty { #expect(decision.verdict == .unknown) }
            }
            if number % 100 == 0 { _ = ForwardsReport(text, ipv6: String(decoding: text, as: UTF8.self)) }
        }
    }

    @Test(.timeLimit(.minutes(10))) func noListingOfNFTCrashesOrHangsTheParser() {
        var random = Seeded(Soak.seed)
        let seed = Array(Self.nft.utf8)
        for _ in 0..<(Soak.isOn ? 100_000 : 2000) {
            let text = Self.mutate(seed, &random)
            let (ipv4, ipv6) = RuleSet.fromNFT(text)
            #expect(ipv4.ruleCount + ipv6.ruleCount <= text.count)
        }
        for depth in [JSONValue.maximumDepth, 200, 500, 200_000] {
            let nested = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
            #expect(!RuleSet.fromNFT(Array("{\"nftables\":\(nested)}".utf8)).ipv4.doubts.isEmpty)
            #expect(!RuleSet.fromNFT(Array(nested.utf8)).ipv4.doubts.isEmpty)
        }
        let many = "{\"nftables\":[" + String(repeating: "1,", count: JSONValue.maximumCount) + "1]}"
        #expect(!RuleSet.fromNFT(Array(many.utf8)).ipv4.doubts.isEmpty)
    }

    static let nft = """
        {"nftables": [{"table": {"family": "inet", "name": "t"}}, {"chain": {"family": "inet", "table": "t", "name": "p", \
        "type": "nat", "hook": "prerouting", "prio": -100, "policy": "accept"}}, {"set": {"family": "inet", "name": "s", \
        "table": "t", "type": "inet_service", "elem": [22, {"range": [2000, 2009]}]}}, {"rule": {"family": "inet", "table": "t", \
        "chain": "p", "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": "@s"}}, \
        {"counter": {"packets": 3, "bytes": 180}}, {"dnat": {"family": "ip", "addr": "10.0.3.2"}}]}}]}
        """

    /// How much processor time it takes, in seconds: other tests run beside. The shortest of three.
    private func seconds(_ body: () -> Void) -> Double {
        func now() -> Double {
            var time = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
            return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        }
        return (0..<3).map { _ in
            let start = now()
            body()
            return now() - start
        }.min() ?? 0
    }

    /// A rule set of so many rules: long lists of addresses and ports around the stock forwards.
    static func large(_ count: Int) -> [UInt8] {
        var text = "*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n:CONTAINER_INCOMING - [0:0]\n"
        text += "-A PREROUTING -i tap0 -j CONTAINER_INCOMING\n"
        for number in 0..<count / 2 {
            let port = 3000 + number * 7 % 60000
            text +=
                "[0:0] -A CONTAINER_INCOMING -p tcp -m tcp --dport \(port) -j DNAT --to-destination 10.0.3.2:\(port)\n"
        }
        for port in Topology.documented.forwardedPorts {
            text +=
                "[0:0] -A CONTAINER_INCOMING -p tcp -m tcp --dport \(port) -j DNAT --to-destination 10.0.3.2:\(port)\n"
        }
        text += "COMMIT\n*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n"
        for number in 0..<count / 2 {
            text +=
                "[0:0] -A FORWARD -s 198.\(number / 250 % 250).\(number % 250).0/24 -p tcp -m tcp --dport \(1 + number * 3 % 400) -j DROP\n"
        }
        return Array(
            (text + "-A FORWARD -d 10.0.3.2/32 -j ACCEPT\n-A FORWARD -i ve-container -j ACCEPT\nCOMMIT\n").utf8)
    }

    // Without optimisation all of it is about twenty times slower.
    #if DEBUG
        private static let slowness = 30.0
    #else
        private static let slowness = 1.0
    #endif

    @Test(arguments: [(1000, 0.05), (10_000, 0.5)]) func manyRulesAreEvaluatedForAllPortsInTime(
        count: Int, limit: Double
    ) {
        let rules = HostRules(ipv4: RuleSet(iptablesSave: Self.large(count), family: .ipv4), ipv6: nil)
        #expect(rules.ipv4.ruleCount > count)
        var report: ForwardsReport?
        let time = seconds {
            report = ForwardsReport(
                evaluating: rules, topology: .documented, source: .file, checkedAt: Date(timeIntervalSince1970: 0))
        }
        #expect(report?.row(22)?.vpn == .open && report?.row(2009)?.vpn == .open)
        #expect(time < limit * Self.slowness, "\(count) rules took \(time) s")
        if getenv("SCOUT_SPEED") != nil { print("\(count) rules: \(time) s", report?.exposures.map(\.summary) ?? []) }
    }

    @Test func parsingTakesTimeInProportionToTheListing() {
        let short = seconds { _ = RuleSet(iptablesSave: Self.large(2000), family: .ipv4) }
        let long = seconds { _ = RuleSet(iptablesSave: Self.large(16_000), family: .ipv4) }
        #expect(long < short * 8 * 4, "2,000 rules take \(short) s, 16,000 take \(long) s")
    }

    /// A megabyte of addresses in a set, which two thousand rules ask; takes three seconds and 60 MB.
    @Test func aNamedSetIsReadOnceHoweverManyRulesUseIt() async throws {
        var objects = [
            #"{"table":{"family":"inet","name":"t"}}"#,
            #"{"chain":{"family":"inet","table":"t","name":"f","type":"filter","hook":"input","prio":0,"policy":"drop"}}"#,
        ]
        let elements = (0..<15_000).map {
            #"{"prefix":{"addr":"\#(11 + $0 / 32768).\#($0 / 128 % 256).\#($0 * 2 % 256).0","len":24}}"#
        }
        objects.append(
            #"{"set":{"family":"inet","name":"s","table":"t","type":"ipv4_addr","elem":[\#(elements.joined(separator: ","))]}}"#
        )
        for port in 3000..<5000 {
            objects.append(
                #"{"rule":{"family":"inet","table":"t","chain":"f","expr":[{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":"@s"}},{"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":\#(port)}},{"drop":null}]}}"#
            )
        }
        let listing = "{\"nftables\":[\(objects.joined(separator: ",\n"))]}"
        let shell = Command("/bin/sh", environment: Project.environment)
        let outcome = try await shell(
            "-c", "ulimit -t 20; ulimit -v 400000; exec \"$0\" forwards --topology documented --from -", Project.binary,
            input: listing)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("stopped by t f: policy DROP"), "\(outcome.output.suffix(2000))")
    }

    @Test func deepJumpsLoopsAndRepeatedJumpsEnd() {
        var deep = "*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n"
        for number in 0..<20_000 { deep += ":C\(number) -\n" }
        deep += "-A FORWARD -j C0\n-A INPUT -j C0\n"
        for number in 0..<19_999 { deep += "-A C\(number) -j C\(number + 1)\n-A C\(number) -j C\(number + 1)\n" }
        let report = ForwardsReport(Array((deep + "COMMIT\n").utf8))
        #expect(report.forwards.allSatisfy { $0.vpn != .open })
        let loop = "*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:A -\n:B -\n-A INPUT -j A\n-A A -j B\n-A B -g A\nCOMMIT\n"
        #expect(ForwardsReport(Array(loop.utf8)).row(22)?.vpn == .unknown)
        // Each of 40 chains is jumped to twice by the one above: walked naively, a million million steps.
        var twice = "*filter\n:INPUT DROP\n:FORWARD DROP\n"
        for number in 0..<40 { twice += ":C\(number) -\n" }
        twice += "-A INPUT -j C0\n"
        for number in 0..<39 {
            twice += "-A C\(number) -j C\(number + 1)\n-A C\(number) -m limit --limit 1/sec -j C\(number + 1)\n"
        }
        #expect(ForwardsReport(Array((twice + "COMMIT\n").utf8)).row(22)?.vpn == .closed)
    }

    @Test func limitsOfSizeLeaveADoubt() {
        let long =
            Array("*filter\n-A INPUT -m comment --comment ".utf8) + [UInt8](repeating: 97, count: 20_000)
            + Array("\nCOMMIT\n".utf8)
        #expect(!RuleSet(iptablesSave: long, family: .ipv4).doubts.isEmpty)
        #expect(!RuleSet(iptablesSave: [UInt8](repeating: 10, count: 17 << 20), family: .ipv4).doubts.isEmpty)
        let many = "*filter\n" + String(repeating: "-A A\n", count: 200_001) + "COMMIT\n"
        let rules = ruleSet(many)
        #expect(rules.ruleCount == 200_000 && rules.doubts.count == 1)
    }
}
