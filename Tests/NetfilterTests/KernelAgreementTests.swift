import Core
import Host
@testable import Netfilter
import Platform
import Testing
import TestSupport

@Suite(.enabled(if: Project.hasLab, "namespaces need root"), .serialized) struct KernelAgreementTests {
    private struct Planned {
        var order: AgreementOrder.Case
        var family: RuleSet.Family
        var isObscure: Bool
    }

    /// Rules, and the host they are on.
    private struct Judge {
        var evaluator: Evaluator
        var network: HostNetwork

        func decide(_ attempt: AgreementOrder.Attempt) throws -> Decision {
            evaluator.decide(try KernelAgreementTests.packet(attempt, network))
        }
    }

    private static func attempts(
        _ random: inout Seeded, _ family: RuleSet.Family, case number: Int, widely: Bool = false
    ) -> [AgreementOrder.Attempt] {
        let all = AgreementNetwork.addresses(family)
        return (0..<10).map { index in
            let from = widely && random.chance(20) ? "container" : index % 2 == 0 ? "lan" : "vpn"
            let near = all.host[index % 2]
            let port = UInt16(20000 + (number * 10 + index) % 40000)
            var to = [near, near, near, all.container[0], random.pick(all.container + all.host)]
            if widely {
                // Everybody asks for every address, and for those beyond; nobody for his own.
                to =
                    all.host + [all.container[0]] + all.strangers + (family == .ipv4 ? ["127.0.0.1", "127.0.0.9"] : [])
                to.removeAll { all.neighbours[from]?.contains($0) == true }
            }
            return AgreementOrder.Attempt(
                from: from, source: random.pick(all.neighbours[from] ?? []), to: random.pick(to),
                proto: widely && random.chance(40) ? "udp" : "tcp", port: random.pick(AgreementNetwork.ports),
                sourcePort: port)
        }
    }

    private static func packet(_ attempt: AgreementOrder.Attempt, _ network: HostNetwork) throws -> Packet {
        let source = try #require(IPAddress(attempt.source))
        let interface = try #require(AgreementNetwork.interfaceOf[attempt.from])
        let to = try #require(IPAddress(attempt.to))
        return attempt.proto == "udp"
            ? Packet(
                udpFrom: source, sourcePort: attempt.sourcePort, at: interface, to: to, port: attempt.port,
                network: network)
            : Packet(
                tcpFrom: source, sourcePort: attempt.sourcePort, at: interface, to: to, port: attempt.port,
                network: network)
    }

    /// Why verdict and kernel disagree, or `nil`.
    private static func disagreement(_ decision: Decision, _ attempt: AgreementOrder.Attempt, _ kernel: String)
        -> String?
    {
        let parts = kernel.split(separator: " ")
        switch decision.verdict {
        case .unknown: return nil
        case .closed: return parts[0] == "open" ? "closed, but the kernel lets it in: \(kernel)" : nil
        case .open:
            // Nobody answers himself through a router, whose packets bear his own address as their source.
            let own =
                AgreementNetwork.addresses(attempt.to.contains(":") ? .ipv6 : .ipv4).neighbours[attempt.from] ?? []
            if own.contains(decision.address) { return nil }
            guard parts.count == 3, let port = UInt16(parts[2]) else { return "open, but the kernel says \(kernel)" }
            let ports = decision.ports ?? attempt.port...attempt.port
            let reached = IPAddress(String(parts[1])).map { AddressSet($0) }
            return reached.map { decision.destination.holds($0) } != .no && ports.contains(port)
                ? nil : "open to \(decision.address) \(ports), but the kernel leads to \(kernel)"
        }
    }

    @Test(.timeLimit(.minutes(30))) func randomRuleSetsDoWhatTheEvaluationSays() async throws {
        var random = Seeded(Soak.seed)
        let planned = (0..<(Soak.isOn ? 5000 : 360)).map { number -> Planned in
            let family: RuleSet.Family = number % 6 == 5 ? .ipv6 : .ipv4
            var rules = RandomRules(Seeded(random.next()), family: family, allowsObscure: number % 5 == 4)
            let text = rules.text()
            let order = AgreementOrder.Case(
                backend: number % 4 == 3 ? "legacy" : "nft", ipv4: family == .ipv4 ? text : "",
                ipv6: family == .ipv6 ? text : "", timeout: 0.15,
                attempts: Self.attempts(&random, family, case: number))
            return Planned(order: order, family: family, isObscure: rules.isObscure)
        }
        let verdicts = try await compare(planned)
        // The sets must be worth asking: both answers are common.
        #expect((verdicts[.open] ?? 0) > 400 && (verdicts[.closed] ?? 0) > 400, "\(verdicts)")
    }

    @Test(.timeLimit(.minutes(30))) func randomRulesOfNFTDoWhatTheEvaluationSays() async throws {
        var random = Seeded(Soak.seed &+ 1)
        let planned = (0..<(Soak.isOn ? 1000 : 100)).map { number -> Planned in
            let family: RuleSet.Family = number % 4 == 3 ? .ipv6 : .ipv4
            var rules = RandomNFT(Seeded(random.next()))
            let order = AgreementOrder.Case(
                backend: "native", ipv4: rules.text(), ipv6: "", timeout: 0.15,
                attempts: Self.attempts(&random, family, case: number))
            return Planned(order: order, family: family, isObscure: rules.isObscure)
        }
        let verdicts = try await compare(planned)
        #expect((verdicts[.open] ?? 0) > 100 && (verdicts[.closed] ?? 0) > 100, "\(verdicts)")
    }

    /// A filter at -120 sees a packet before it is translated, whatever priority the translating chain has.
    @Test(arguments: [(-100, -120), (-150, -120), (-100, -90), (-50, -90)])
    func chainsThatTranslateRunInOnePlace(translates: Int, filters: Int) async throws {
        let text = """
            table inet t {
            chain early { type filter hook prerouting priority \(filters); tcp dport 2000 drop; }
            chain pre { type nat hook prerouting priority \(translates); tcp dport 2000 dnat ip to 10.0.3.2:22; }
            }
            """
        let attempt = AgreementOrder.Attempt(from: "vpn", to: "10.1.0.2", port: 2000, sourcePort: 30000)
        let order = AgreementOrder.Case(
            backend: "native", ipv4: text, ipv6: "", timeout: 0.3, attempts: [attempt])
        let verdicts = try await compare([Planned(order: order, family: .ipv4, isObscure: false)])
        #expect(verdicts == [filters < -100 ? .closed : .open: 1])
    }

    /// Behind the chain that translates, a connection has the bit of it; before, it has not.
    @Test(arguments: [50, 150]) func aTranslatedSourceShowsBehindItsTranslation(priority: Int) async throws {
        let text = """
            table inet t {
            chain post { type nat hook postrouting priority 100; oifname "ve-container" masquerade; }
            chain late { type filter hook postrouting priority \(priority); ct state new ct status snat drop; }
            }
            """
        let attempt = AgreementOrder.Attempt(from: "vpn", to: "10.0.3.2", port: 2000, sourcePort: 30000)
        let order = AgreementOrder.Case(backend: "native", ipv4: text, ipv6: "", timeout: 0.3, attempts: [attempt])
        let verdicts = try await compare([Planned(order: order, family: .ipv4, isObscure: false)])
        #expect(verdicts == [priority < 100 ? .open : .closed: 1])
    }

    /// What iptables-nft-save says of such tables is wrong without a word, or warns, or fails.
    @Test(.timeLimit(.minutes(30))) func rulesOfNFTAmongThoseOfIPTablesDoWhatTheEvaluationSays() async throws {
        var random = Seeded(Soak.seed &+ 2)
        let planned = (0..<(Soak.isOn ? 600 : 100)).map { number -> Planned in
            var rules = RandomRules(Seeded(random.next()), family: .ipv4, allowsObscure: false)
            var extra = RandomNFT(Seeded(random.next()))
            let order = AgreementOrder.Case(
                backend: "nft", ipv4: rules.text(), ipv6: "", extra: extra.extras(), timeout: 0.15,
                attempts: Self.attempts(&random, .ipv4, case: number))
            return Planned(order: order, family: .ipv4, isObscure: true)
        }
        let verdicts = try await compare(planned)
        #expect((verdicts[.open] ?? 0) > 100 && (verdicts[.closed] ?? 0) > 100, "\(verdicts)")
        // Of ten questions a set: many of its rules ask for bits of a connection that can't be known.
        #expect((verdicts[.unknown] ?? 0) < planned.count * 4, "\(verdicts)")
    }

    /// What the kernel is told beside its rules: forwarding by interface, loopback addresses, policy routing.
    private static func host(_ random: inout Seeded, _ family: RuleSet.Family) -> (script: String, isObscure: Bool) {
        var lines = [":"]
        for name in AgreementNetwork.interfaces {
            if random.chance(15) { lines.append("echo 0 > /proc/sys/net/ipv4/conf/\(name)/forwarding") }
            if random.chance(30) { lines.append("echo 1 > /proc/sys/net/ipv4/conf/\(name)/route_localnet") }
            if random.chance(15) {
                lines.append(
                    "[ ! -e /proc/sys/net/ipv6/conf/\(name)/force_forwarding ] || echo 1 > /proc/sys/net/ipv6/conf/\(name)/force_forwarding"
                )
            }
        }
        if random.chance(5) { lines.append("echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet") }
        if random.chance(30) { lines.append("echo 0 > /proc/sys/net/ipv6/conf/all/forwarding") }
        let isObscure = random.chance(20)
        if isObscure {
            let option = family == .ipv4 ? "-4" : "-6"
            let all = AgreementNetwork.addresses(family)
            lines.append(
                "ip \(option) rule add "
                    + random.pick([
                        "pref 100 iif eth0 blackhole", "pref 100 from \(all.strangers[1]) prohibit",
                        "pref 90 iif tap0 unreachable",
                        "pref 200 to \(all.container[0]) lookup 77", "pref 100 fwmark 0x1 lookup 77",
                        "pref 100 to \(all.strangers[0]) blackhole",
                    ]))
        }
        return (lines.joined(separator: "\n"), isObscure)
    }

    /// Several addresses on a card and on none, UDP, forwarding by interface, loopback addresses, policy routing, rules for
    /// one source: judged by what the host's own listing says.
    @Test(.timeLimit(.minutes(30))) func randomHostsDoWhatTheEvaluationOfTheirListingSays() async throws {
        var random = Seeded(Soak.seed &+ 3)
        let planned = (0..<(Soak.isOn ? 1200 : 60)).map { number -> Planned in
            let family: RuleSet.Family = number % 4 == 3 ? .ipv6 : .ipv4
            var rules = RandomRules(Seeded(random.next()), family: family, allowsObscure: false, mixesUDP: true)
            let host = Self.host(&random, family)
            let text = rules.text()
            let order = AgreementOrder.Case(
                backend: number % 5 == 4 ? "legacy" : "nft", ipv4: family == .ipv4 ? text : "",
                ipv6: family == .ipv6 ? text : "", host: host.script, timeout: 0.15,
                attempts: Self.attempts(&random, family, case: number, widely: true))
            return Planned(order: order, family: family, isObscure: host.isObscure)
        }
        var opened: [String: Int] = [:]
        let verdicts = try await compare(planned) { attempt in
            let all = AgreementNetwork.addresses(attempt.to.contains(":") ? .ipv6 : .ipv4)
            let own = all.host.firstIndex(of: attempt.to)
            opened[attempt.proto, default: 0] += 1
            opened[attempt.from, default: 0] += 1
            if attempt.to.hasPrefix("127.") { opened["loopback", default: 0] += 1 }
            if own == 1, attempt.from == "lan" { opened["the VPN's address, from the LAN", default: 0] += 1 }
            if own == 0, attempt.from == "vpn" { opened["the LAN's address, from the VPN", default: 0] += 1 }
            if let own, own > 2 { opened["another address", default: 0] += 1 }
        }
        #expect(opened.count == 9, "not every way was ever open: \(opened)")
        #expect((verdicts[.open] ?? 0) > planned.count && (verdicts[.closed] ?? 0) > planned.count, "\(verdicts)")
        if Soak.isOn { print("\(planned.count) hosts: \(verdicts), open: \(opened)") }
    }

    /// Has the kernel try all of it, and compares; returns how often each verdict came.
    private func compare(
        _ planned: [Planned], whereOpen: (AgreementOrder.Attempt) -> Void = { _ in }
    ) async throws -> [Decision.Verdict: Int] {
        var results = try await askKernel(planned.map(\.order))
        // A busy machine may be slow to connect; what should be open gets a second, longer chance. None for the reverse.
        let late = try planned.indices.filter { number in
            let judge = try Self.judge(results[number], planned[number])
            return try zip(planned[number].order.attempts, results[number].attempts).contains { attempt, kernel in
                try kernel == "timeout" && judge.decide(attempt).verdict == .open
            }
        }
        if !late.isEmpty {
            let second = try await askKernel(
                late.map { number in
                    var order = planned[number].order
                    order.timeout = 1.5
                    return order
                })
            for (number, result) in zip(late, second) { results[number] = result }
        }
        var verdicts: [Decision.Verdict: Int] = [:]
        for (number, (plan, result)) in zip(planned, results).enumerated() {
            #expect(result.error == nil, "case \(number): \(result.error ?? "")")
            let judge = try Self.judge(result, plan)
            let nft = Self.nftEvaluator(result, plan.family)
            for (attempt, kernel) in zip(plan.order.attempts, result.attempts) {
                let decision = try judge.decide(attempt)
                verdicts[decision.verdict, default: 0] += 1
                if decision.verdict == .open { whereOpen(attempt) }
                let wrong = Self.disagreement(decision, attempt, kernel)
                let place = "case \(number), \(attempt) \(plan.order.extra)"
                #expect(
                    wrong == nil, "\(place): \(wrong ?? "") [\(decision.reason)]\n\(Self.listing(result, plan.family))")
                #expect(
                    plan.isObscure || decision.verdict != .unknown,
                    "\(place): \(decision.reason)\n\(Self.listing(result, plan.family))")
                // What iptables made is in part opaque to nft: it may know less, but nothing else.
                guard plan.order.host.isEmpty, let second = try nft?.decide(attempt) else { continue }
                let other = Self.disagreement(second, attempt, kernel)
                #expect(other == nil, "\(place), as nft: \(other ?? "") [\(second.reason)]\n\(result.nft)")
            }
        }
        return verdicts
    }

    /// What a host with these rules would be judged by, whole listing and all.
    private static func judge(_ result: AgreementAnswer.Result, _ plan: Planned) throws -> Judge {
        if !result.host.isEmpty {
            let listing = try RuleListing(Array(result.host.utf8))
            var network = listing.network(.documented)
            // The listing holds no routes of IPv6.
            network.routes += AgreementNetwork.routes.filter { $0.destination.address.bytes.count == 16 }
            let own = plan.family == .ipv4 ? listing.rules.ipv4 : try #require(listing.rules.ipv6)
            return Judge(evaluator: Evaluator(own, on: network), network: network)
        }
        var text = ""
        func part(_ name: String, _ words: String, _ status: Int = 0) {
            text += "\n#scout \(name)\n\(words)\n#scout-status \(status)\n"
        }
        if plan.order.backend != "native" {
            part(
                "iptables \(plan.order.backend)", result.ipv4, result.ipv4.isEmpty && !plan.order.extra.isEmpty ? 3 : 0)
            part("ip6tables \(plan.order.backend)", result.ipv6)
        }
        if !result.nft.isEmpty {
            part("nft", result.nft)
            part("bytecode", result.bytecode)
        }
        let rules = try RuleListing(Array(text.utf8)).rules
        let own = plan.family == .ipv4 ? rules.ipv4 : try #require(rules.ipv6)
        return Judge(evaluator: Evaluator(own, on: AgreementNetwork.network), network: AgreementNetwork.network)
    }

    private static func nftEvaluator(_ result: AgreementAnswer.Result, _ family: RuleSet.Family) -> Judge? {
        if result.nft.isEmpty { return nil }
        let native = RuleSet.fromNFT(Array(result.nft.utf8), bytecode: Array(result.bytecode.utf8))
        let rules = family == .ipv4 ? native.ipv4 : native.ipv6
        return Judge(evaluator: Evaluator(rules, on: AgreementNetwork.network), network: AgreementNetwork.network)
    }

    private static func listing(_ result: AgreementAnswer.Result, _ family: RuleSet.Family) -> String {
        let listing = family == .ipv4 ? result.ipv4 : result.ipv6
        return listing.isEmpty ? result.nft + "\n" + result.bytecode : listing
    }
}
