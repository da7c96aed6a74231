import Core
@testable import Host
import Netfilter
import TestSupport
import Testing

/// What is loaded, compared and left out, with tools that write down what they are told.
@Suite struct KernelRulesTests {
    private static let good = "-A CUSTOM_INPUT -s 192.0.2.9 -j ACCEPT"
    private static let bad = "-A CUSTOM_INPUT -m REFUSED -j ACCEPT"

    @Test func rulesAreLoadedOnceAndThenRecognised() async throws {
        let stage = ToolStage()
        let kernel = try await KernelRules(stage.tools)
        let rules = try stage.settings(["own.ipv4": Self.good]).generator(.documented)
        #expect(try await !kernel.has(rules, .ipv4))
        #expect(try await kernel.load(rules, .ipv4))
        #expect(stage.text("iptables-nft.rules") == rules.ipv4)
        #expect(try await kernel.has(rules, .ipv4))
        #expect(try await !kernel.load(rules, .ipv4))
        #expect(stage.text("log") == "iptables-nft-restore\n")
        #expect(try await kernel.load(rules, .ipv6))
        #expect(stage.text("ip6tables-nft.rules") == rules.ipv6)
        // One rule more, and they are others.
        stage.write("iptables-nft.rules", rules.ipv4.replacing("COMMIT", with: "-A INPUT -j ACCEPT\nCOMMIT"))
        #expect(try await !kernel.has(rules, .ipv4))
    }

    @Test func aTestLoadsNothing() async throws {
        let stage = ToolStage()
        let kernel = try await KernelRules(stage.tools)
        try await kernel.test(try stage.settings().generator(.documented), .ipv4)
        #expect(!stage.text("iptables-nft-restore.input").isEmpty)
        #expect(stage.text("log").isEmpty && stage.text("iptables-nft.rules").isEmpty)
    }

    @Test func whatTheToolRefusesIsToldInItsWords() async throws {
        let stage = ToolStage()
        let kernel = try await KernelRules(stage.tools)
        let rules = try stage.settings(["own.ipv4": Self.bad]).generator(.documented)
        let error = await #expect(throws: ScoutError.self) { try await kernel.load(rules, .ipv4) }
        #expect(error?.code == .failed)
        #expect(
            error?.message == "iptables-nft-restore refuses the rules: iptables-nft-restore: line 2 failed")
        #expect(stage.text("log").isEmpty)
    }

    @Test func theOwnersFilesThatAreRefusedAreLeftOutAndNamed() async throws {
        let stage = ToolStage()
        let kernel = try await KernelRules(stage.tools)
        var settings = try stage.settings(["a.ipv4": Self.bad, "b.ipv4": Self.good])
        await kernel.removeRefused(from: &settings, .documented)
        #expect(settings.customRules.map(\.name) == ["b.ipv4"])
        #expect(settings.problems.map(\.code) == [.badData])
        #expect(settings.problems.first?.message.hasPrefix("a.ipv4: iptables-nft-restore refuses") == true)
        // With a problem both switches count as off.
        settings.switches.lan = true
        #expect(settings.effective == HostSwitches())
    }

    @Test func wherePureRulesAreRefusedTheOwnersAreNotToBlame() async throws {
        let stage = ToolStage()
        let kernel = try await KernelRules(stage.tools)
        stage.write("refuse-all", "")
        var settings = try stage.settings(["a.ipv4": Self.good])
        await kernel.removeRefused(from: &settings, .documented)
        #expect(settings.customRules.count == 1 && settings.problems.isEmpty)
    }

    @Test func theOtherBackEndIsEmptied() async throws {
        let stage = ToolStage(standard: "legacy")
        stage.write("iptables-nft.rules", "*nat\n:PREROUTING ACCEPT [1:60]\n-A PREROUTING -j RETURN\nCOMMIT\n")
        let kernel = try await KernelRules(stage.tools)
        let rules = try stage.settings().generator(.documented)
        #expect(try await !kernel.has(rules, .ipv4))
        #expect(try await kernel.load(rules, .ipv4))
        #expect(stage.text("iptables-legacy.rules") == rules.ipv4)
        let left = NormalRules(stage.text("iptables-nft.rules"))
        #expect(left.isEmpty && stage.text("iptables-nft.rules").contains(":PREROUTING ACCEPT"))
    }
}
