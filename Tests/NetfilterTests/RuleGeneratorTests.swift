import Core
import FoundationEssentials
import Host
import Netfilter
import Platform
import Testing
import TestSupport

@Suite struct RuleGeneratorTests {
    private static func report(lan: Bool, control: Bool, _ topology: Topology = .documented) -> ForwardsReport {
        let rules = RuleGenerator(plan: topology.firewallPlan, lanIsEnabled: lan, controlIsEnabled: control)
        return ForwardsReport(Array(rules.ipv4.utf8), ipv6: rules.ipv6, topology: topology)
    }

    @Test(arguments: [Topology.documented, .since2021], [false, true])
    func onlyTheTopologysPortsAreOpenFromTheVPN(_ topology: Topology, control: Bool) {
        let report = Self.report(lan: false, control: control, topology)
        #expect(report.forwards.map(\.port) == topology.forwardedPorts)
        #expect(report.forwards.allSatisfy { $0.vpn == .open && $0.lan == .closed })
        #expect(report.hostControl.enabled == control)
        #expect(report.lan.enabled == false)
        #expect(report.exposures.allSatisfy { $0.severity == .info }, "\(report.exposures)")
    }

    @Test func withLANAccessTheForwardsAreOpenFromThereAndNothingElse() {
        let report = Self.report(lan: true, control: false)
        #expect(report.forwards.allSatisfy { $0.vpn == .open && $0.lan == .open })
        #expect(report.exposures.filter { $0.severity > .info }.map(\.severity) == [.warning])
        #expect(report.exposures(about: "access from the LAN is on", "tcp 22, 2000-2009", "eth+", "wl+").count == 1)
    }

    /// One whose interfaces are named as the owner's cards are.
    private static var odd: Topology {
        var odd = Topology.documented
        (odd.name, odd.vpnInterface, odd.containerInterface) = ("odd", "wl7", "eth7")
        return odd
    }

    @Test(arguments: Topology.presets + [odd], [false, true])
    func everyAcceptNamesItsInterfaces(_ topology: Topology, isOn: Bool) throws {
        for (lan, control) in [(isOn, false), (isOn, true)] {
            let rules = RuleGenerator(plan: topology.firewallPlan, lanIsEnabled: lan, controlIsEnabled: control)
            for text in [rules.ipv4, rules.ipv6] {
                let accepts = text.split(separator: "\n").filter { $0.hasPrefix("-A ") && $0.hasSuffix(" -j ACCEPT") }
                #expect(accepts.count > 3)
                for rule in accepts {
                    let words = rule.split(separator: " ")
                    let place = try #require(words.firstIndex(of: "-i"), "\(rule)")
                    #expect(words[place - 1] != "!" && words[place + 1] != "+", "\(rule)")
                }
                // Who is let in is let in by what the kernel's policies say, and they say nobody.
                #expect(text.contains(":INPUT DROP") && text.contains(":FORWARD DROP"))
            }
        }
    }

    @Test(arguments: [Topology.documented, .since2021, odd])
    func noRouterIsBelievedBehindTheContainerOrTheVPN(_ topology: Topology) throws {
        let rules = RuleGenerator(plan: topology.firewallPlan, lanIsEnabled: true, controlIsEnabled: true).ipv6
            .split(separator: "\n")
        for name in [topology.containerInterface, topology.vpnInterface] {
            // The first rule that fits is the one that counts.
            let first = try #require(
                rules.first { rule in
                    let words = rule.split(separator: " ")
                    guard let place = words.firstIndex(of: "-i"), rule.contains("--icmpv6-type 134") else {
                        return false
                    }
                    let pattern = words[place + 1]
                    return pattern.hasSuffix("+") ? name.hasPrefix(pattern.dropLast()) : name == pattern
                })
            #expect(first.hasSuffix("-j DROP"), "\(first)")
        }
    }

    @Test func chainNamesThatToolsLookForStay() {
        let rules = RuleGenerator(plan: .documented, lanIsEnabled: false, controlIsEnabled: false).ipv4
        #expect(rules.contains(":CONTAINER_INCOMING - ") && rules.contains(":HOST_INCOMING - "))
    }

    @Test func customRulesAreMergedIntoTheirHooks() throws {
        let text = """
            # ours
            *filter
            :MINE - [0:0]
            -A CUSTOM_INPUT -i tap0 -p tcp -m tcp --dport 8080 -m comment --comment "two  blanks" -j MINE
            -A MINE -j ACCEPT
            COMMIT
            """
        let custom = try CustomRules(text, family: .ipv4, name: "web.ipv4")
        let rules = RuleGenerator(
            plan: .documented, lanIsEnabled: false, controlIsEnabled: false, customRules: [custom, custom])
        #expect(rules.ipv4.contains("two  blanks"))
        #expect(!rules.ipv6.contains("MINE"))
        #expect(rules.ipv4.split(separator: "\n").count { $0 == ":MINE - [0:0]" } == 1)
        let report = ForwardsReport(Array(rules.ipv4.utf8), ipv6: rules.ipv6)
        #expect(report.exposures(about: "a VPN peer reaches the host itself: tcp 8080").count == 1)
    }

    @Test(arguments: [
        "-A CUSTOM_INPUT -j ACCEPT", "*filter\n-A INPUT -j ACCEPT", "*filter\n-P INPUT ACCEPT",
        "*filter\n:INPUT ACCEPT", "*filter\n-F",
        "*filter\n-A HOST_INCOMING -j ACCEPT", "*raw\nCOMMIT", "*filter\n:-j - [0:0]",
        "*nat\n-A CUSTOM_INPUT -j ACCEPT", "*filter\nCOMMIT\n-F",
        "*filter\n:MINE ACCEPT", "*filter\n:CONTAINER_INCOMING -", "*filter\n-A CUSTOM_INPUT -j ACCEPT \u{1}",
    ]) func customRulesCannotReachBeyondTheirHooks(_ text: String) {
        #expect(throws: RuleError.self) { try CustomRules(text, family: .ipv4, name: "bad.ipv4") }
    }

    @Test(.enabled(if: Project.hasLab, "namespaces need root"), arguments: ["nft", "legacy"])
    func theKernelTakesTheRulesAndDoesWhatThePolicySays(_ backend: String) async throws {
        let topology = Topology.documented
        let custom = try CustomRules(
            "*filter\n-A CUSTOM_INPUT -s 192.0.2.9 -j ACCEPT\nCOMMIT\n", family: .ipv4, name: "own.ipv4")
        func rules(lan: Bool, control: Bool) -> RuleGenerator {
            RuleGenerator(
                plan: topology.firewallPlan, lanIsEnabled: lan, controlIsEnabled: control, customRules: [custom])
        }
        let settings = [(false, false), (false, false), (true, false), (true, true), (false, true), (false, false)]
        let all = AgreementNetwork.addresses(.ipv4)
        let six = AgreementNetwork.addresses(.ipv6)
        let ports: [UInt16] = [22, 23] + Array(2000...2009) + [4444]
        let targets = [
            ("lan", all.host[0]), ("lan", all.host[1]), ("lan", all.container[0]), ("vpn", all.host[1]),
            ("vpn", all.container[0]), ("vpn", all.host[2]),
            ("lan", six.host[0]), ("lan", six.container[0]), ("vpn", six.host[1]), ("container", "192.0.2.7"),
            ("container", "10.1.0.3"),
            ("container", all.host[2]),
        ]
        let cases = settings.enumerated().map { number, setting in
            let generated = rules(lan: setting.0, control: setting.1)
            var source = UInt16(20000 + number * 1000)
            let attempts = targets.flatMap { from, to in
                ports.map { port -> AgreementOrder.Attempt in
                    source += 1
                    return AgreementOrder.Attempt(from: from, to: to, port: port, sourcePort: source)
                }
            }
            return AgreementOrder.Case(
                backend: backend, ipv4: generated.ipv4, ipv6: generated.ipv6, timeout: 1, attempts: attempts)
        }
        let results = try await askKernel(cases, lanes: 1)
        for (number, result) in results.enumerated() {
            try #require(result.error == nil, "\(result.error ?? "")")
            let (lan, control) = settings[number]
            for (attempt, answer) in zip(cases[number].attempts, result.attempts) {
                let isForwarded = topology.forwardedPorts.contains(attempt.port)
                let isHost = attempt.to == all.host[0] || attempt.to == all.host[1]
                let expected: Bool
                var address = topology.containerAddress
                switch attempt.from {
                case "container":
                    // The internet, here the LAN, and the VPN; nothing of the host.
                    expected = attempt.to != all.host[2]
                    address = attempt.to
                case "vpn" where attempt.to == all.host[1], "lan" where lan && isHost:
                    expected = isForwarded || control && attempt.port == 23
                    if attempt.port == 23 { address = attempt.to }
                // A peer that routes through the host reaches the host's other addresses alike.
                case "vpn" where attempt.to == all.host[2]:
                    expected = isForwarded || control && attempt.port == 23
                    if attempt.port == 23 { address = attempt.to }
                default: expected = false
                }
                let wanted = expected ? "open \(address) \(attempt.port)" : "closed"
                #expect(
                    answer.hasPrefix("open") ? answer == wanted : !expected,
                    "\(settings[number]): \(attempt) gives \(answer), not \(wanted)")
            }
        }
        // Applied twice nothing changes, and after the switches were turned on and off all is as before. What a policy has
        // counted by then are packets of the kernel's own.
        func bare(_ listing: String) -> [Substring] {
            listing.split(separator: "\n").filter { !$0.hasPrefix("#") }
                .map { $0.hasPrefix(":") ? $0.prefix { $0 != "[" } : $0 }
        }
        #expect(bare(results[0].ipv4) == bare(results[1].ipv4) && bare(results[0].ipv4) == bare(results[5].ipv4))
        #expect(bare(results[0].ipv6) == bare(results[1].ipv6))
    }
}
