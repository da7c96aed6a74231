import Core
import FoundationEssentials
import Platform
import TestSupport
import Testing

/// What the host forwards, asked in each way, and the page that shows it.
@Suite(.enabled(if: Project.hasLab, "needs root, for network namespaces"), .serialized, InLab(.namespaces))
struct ForwardsTests {
    private func ask(_ lab: Lab, _ words: String...) async throws -> ForwardsReport {
        let outcome = try await lab.onExpert(["scout", "forwards", "--json"] + lab.target + words)
        return try JSON.decode(ForwardsReport.self, from: Data(outcome.output.utf8))
    }

    private func startAgent(_ lab: Lab) async throws {
        let started = try await lab.shell(
            "host",
            "setsid scout host agent > /lab/agent.log 2>&1 < /dev/null & "
                + "for i in $(seq 100); do test -S /opt/container/ipc/scout.sock && exit 0; sleep 0.05; done; exit 1")
        try #require(started.status == 0)
    }

    private func stopAgent(_ lab: Lab) async throws {
        try await lab.shell("host", "pkill -f '[h]ost agent'; sleep 0.3")
        #expect(try await lab.shell("host", "ls /opt/container/ipc").output.isEmpty)
    }

    @Test func eachWaySaysSoAndTheyAgree() async throws {
        let lab = try #require(Lab.current)
        #expect(try await lab.run("host", ["scout", "host", "forwarding", "apply"]).status == 0)
        let missing = try await lab.scout("forwards", "--via", "agent")
        #expect(missing.status == 69 && missing.errors.contains("agent is absent"))
        // Without agent and host control only trying is left.
        try await lab.shell(
            "host",
            "iptables -t nat -D CONTAINER_INCOMING -p tcp -m tcp --dport 2003 -j DNAT --to-destination 10.0.3.2:2003")
        let tried = try await ask(lab)
        #expect(tried.source == .probe && tried.lan.enabled == nil && tried.hostControl.enabled == false)
        #expect(tried.forwards.map(\.port) == [22] + Array(2000...2009))
        #expect(tried.forwards.filter { $0.vpn != .open }.map(\.port) == [2003])
        #expect(tried.forwards.allSatisfy { $0.lan == .unknown })

        #expect(try await lab.run("host", ["scout", "host", "control", "enable"]).status == 0)
        let known = "[\(lab["SCOUT_LAB_ADDRESS"])]:23 "
        let key = try await lab.shell("host", "cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub").output
        try await lab.shell("expert", "printf '\(known)%s' '\(key)' >> .config/scout/known_hosts")
        let read = try await ask(lab)
        #expect(read.source == .ssh && read.hostControl.enabled && read.lan.enabled == false && read.vpn.up == true)
        #expect(read.forwards.allSatisfy { $0.vpn == .open && $0.lan == .closed })

        try await startAgent(lab)
        let told = try await ask(lab)
        #expect(told.source == .agent && told.forwards.map(\.vpn) == read.forwards.map(\.vpn))
        #expect(told.forwards.first { $0.port == 22 }.map { $0.packets > 0 } == true)
        for way in ["agent", "ssh", "probe"] {
            let report = try await ask(lab, "--via", way)
            #expect(report.source.rawValue == way && report.forwards.allSatisfy { $0.vpn == .open }, "\(way)")
        }
        // nft lists these two rules without their families.
        let rules = [("ipv6", 2004), ("ipv4", 2005)].map { "meta nfproto \($0) tcp dport \($1) reject with tcp reset" }
        let table =
            "{ chain f { type filter hook forward priority -10; ct state established accept; \(rules[0]); \(rules[1]); }; }"
        #expect(try await lab.run("host", ["nft", "add table inet own \(table)"]).status == 0)
        try await Task.sleep(for: .milliseconds(1100))
        for way in ["agent", "ssh", "probe"] {
            let report = try await ask(lab, "--via", way)
            #expect(report.forwards.filter { $0.vpn != .open }.map(\.port) == [2005], "\(way)")
        }
        try await lab.shell("host", "nft delete table inet own")
        // Nothing of the owner's network is in what the container may ask.
        try await lab.shell(
            "host", "iptables -A INPUT -s 192.168.77.3/32 -m comment --comment 'bedroom printer' -j ACCEPT")
        try await Task.sleep(for: .milliseconds(1100))
        let text = try await lab.run("container", ["scout", "forwards", "--json"]).output
        #expect(!text.contains("192.168.") && !text.contains("bedroom") && text.contains("\"source\" : \"agent\""))
        #expect(try await lab.run("container", ["scout", "forwards", "--via", "probe"]).status == 64)
        try await stopAgent(lab)
        #expect(try await lab.run("host", ["scout", "host", "control", "disable"]).status == 0)
    }

    @Test func statusIsOnePageInUnderASecond() async throws {
        let lab = try #require(Lab.current)
        #expect(try await lab.run("host", ["scout", "host", "forwarding", "apply"]).status == 0)
        try await startAgent(lab)
        #expect(try await lab.scout("serve", "nbd", "evidence0", "--name", "shown").status == 0)
        let start = ContinuousClock.now
        let page = try await lab.scout("status")
        let elapsed = ContinuousClock.now - start
        #expect(elapsed < .seconds(1), "\(elapsed)")
        for words in ["up, tap0", "session   ok", "all 11 open, local network kept out", "shown", "ports     9 free"] {
            #expect(page.output.contains(words), "\(page.output)")
        }
        let json = try await lab.scout("status", "--json")
        #expect(json.output.contains("\"schema\" : \"scout.status/1\""))
        let running =
            "scout acquire evidence0 x.dd --quiet \(lab.target.joined(separator: " ")) > /dev/null & sleep 0.5; "
            + "scout status \(lab.target.joined(separator: " ")); wait; rm -f x.dd*"
        #expect(try await lab.shell("expert", running).output.contains("acquire   evidence0 of"))
        let watched =
            "timeout -s INT 5 scout status --watch --json \(lab.target.joined(separator: " ")) | grep -c scout.status"
        #expect(["2\n", "3\n"].contains(try await lab.shell("expert", watched).output))
        #expect(try await lab.scout("release", "shown").status == 0)
        try await stopAgent(lab)
    }

    @Test(InLab(.namespaces)) func aCutLinkStillGivesAPage() async throws {
        let lab = try #require(Lab.current)
        _ = try await lab.control("link", "down")
        let cut = try await lab.scout("status")
        #expect(cut.status == 69 && cut.output.contains("session   10.1.0.2 port 22"), "\(cut.output)")
    }
}

/// Saved rules, which need no lab.
@Suite struct SavedRulesTests {
    private let scout = Command(Project.binary, environment: Project.environment)
    private let captures = Captures.folder

    @Test(arguments: [("default", false), ("lan", true)])
    func theCapturesEvaluate(name: String, lan: Bool) async throws {
        let outcome = try await scout(
            "forwards", "--from", captures + "documented-\(name).iptables-save", "--json", "--topology", "documented")
        let report = try JSON.decode(ForwardsReport.self, from: Data(outcome.output.utf8))
        let ports: [UInt16] = [22] + Array(2000...2009) + Array(5900...5909)
        #expect(report.source == .file && report.forwards.map(\.port) == ports)
        #expect(report.forwards.allSatisfy { $0.vpn == .open && $0.lan == (lan ? .open : .closed) })
        #expect(report.lan.enabled == lan)
        #expect(
            report.exposures.contains { $0.summary.contains("LAN neighbour reaches the container by a static route") })
    }

    @Test func bothFamiliesMayStandInOneFileOrOnStdin() async throws {
        let ipv4 = String(decoding: try File.read(captures + "documented-default.iptables-save") ?? [], as: UTF8.self)
        let ipv6 =
            "# Generated by ip6tables-save v1.8.9\n*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
        let outcome = try await scout(
            "forwards", "--from", "-", "--json", "--topology", "documented",
            input: "# Generated by iptables-save v1.8.9\n" + ipv4 + ipv6)
        let report = try JSON.decode(ForwardsReport.self, from: Data(outcome.output.utf8))
        #expect(report.forwards.count == 21 && !report.exposures.contains { $0.summary.contains("IPv6") })
    }

    @Test func whatHoldsNoRulesIsSaidSo() async throws {
        for input in ["", "hello\n", "table ip t {\n}\n", "<html></html>\n"] {
            let outcome = try await scout("forwards", "--from", "-", "--topology", "documented", input: input)
            #expect(outcome.status == 65 && outcome.output.isEmpty, "\(outcome.errors)")
            #expect(outcome.errors.contains("iptables-save -c; ip6tables-save -c; nft -j list ruleset"))
        }
        let cut = try await scout(
            "forwards", "--from", "-", "--topology", "documented", input: "# Generated by iptables-save\n*filter\n")
        #expect(cut.status == 0 && cut.output.contains("unknown") && !cut.output.contains("open"))
        #expect(try await scout("forwards", "--from", "/nowhere").status == 66)
        #expect(try await scout("forwards", "--from", "-", "--via", "agent").status == 64)
    }
}
