import Core
import FoundationEssentials
import TestSupport
import Testing

/// What makes each fault in the lab.
enum Blows {
    /// A shell script to run in a node.
    struct Blow: Sendable {
        let node: String
        let script: String
        static func on(_ node: String, _ script: String) -> Blow { Blow(node: node, script: script) }
    }

    private static func dnat(_ verb: String, _ rest: String) -> Blow {
        .on("host", "iptables -t nat -\(verb) CONTAINER_INCOMING \(rest)")
    }
    private static let right = "-p tcp -m tcp --dport 2003 -j DNAT --to-destination 10.0.3.2:2003"
    private static let control = Blow.on("host", "scout host control enable")
    private static func serve(_ address: String) -> Blow {
        .on(
            "container",
            "setsid python3 -c 'import socket, time; s = socket.create_server((\"\(address)\", 2003)); time.sleep(600)' "
                + "> /dev/null 2>&1 < /dev/null & "
                + "for i in $(seq 100); do grep -q ':07D3 ' /proc/net/tcp && exit 0; sleep 0.05; done; exit 1")
    }

    /// How each comes about.
    static let all: [String: [Blow]] = [
        "the laptop's VPN process is dead": [.on("expert", "pkill openvpn; sleep 0.5")],
        "the host's VPN process is dead": [.on("host", "pkill openvpn; sleep 0.5")],
        "the VPN address has changed": [
            .on("host", "ip address del 10.1.0.2/24 dev tap0; ip address add 10.1.0.7/24 dev tap0"),
            // As after a minute: the rules forward what comes by tap0, whatever address it is for.
            .on("expert", "ip neighbour flush dev tap0"),
        ],
        "another network has the address": [.on("expert", "ip route add 10.1.0.2/32 via 203.0.113.1")],
        "the container's interface is down": [control, .on("host", "ip link set ve-container down")],
        "the container's interface is down, and nobody can be asked": [.on("host", "ip link set ve-container down")],
        "sshd is down": [.on("container", "pkill -o sshd; sleep 0.2")],
        "the host key is wrong": [
            .on("expert", "cd .config/scout; sed 's/10.1.0.99/10.1.0.2/' strangers > known_hosts")
        ],
        "the key does not open the account": [.on("container", "echo > /root/.ssh/authorized_keys")],
        "the toolkit is missing": [.on("container", "umount /usr/local/bin/scout; rm /usr/local/bin/scout")],
        "the service does not listen": [
            .on("container", "scout serve nbd evidence0 --port 2003 --json > /tmp/lease"),
            .on("container", "kill -STOP $(sed -n 's/.*\"pid\" : \\([0-9]*\\).*/\\1/p' /tmp/lease)"),
        ],
        "it listens on 127.0.0.1 only": [serve("127.0.0.1")],
        "the DNAT rule is missing": [dnat("D", right)],
        "the DNAT rule leads to a wrong address": [
            dnat("D", right), dnat("I", "-p tcp -m tcp --dport 2003 -j DNAT --to-destination 10.0.3.9:2003"),
        ],
        "the DNAT rule is shadowed": [dnat("I", "-p tcp -m tcp --dport 2000:2005 -j RETURN")],
        "a DNAT rule takes another's port": [
            dnat("I", "-p tcp -m tcp --dport 2000:2005 -j DNAT --to-destination 10.0.3.9")
        ],
        "FORWARD drops the port": [.on("host", "iptables -I FORWARD -p tcp -m tcp --dport 2003 -j DROP")],
        "FORWARD's policy drops everything": [control, .on("host", "iptables -F FORWARD")],
        "FORWARD drops the port, and there is no agent": [
            .on("host", "iptables -I FORWARD -p tcp -m tcp --dport 2003 -j DROP")
        ],
        "the agent is absent": [],
        "the agent is hung": [.on("host", "pkill -STOP -f '[h]ost agent'")],
        "the agent is dead": [.on("host", "pkill -KILL -f '[h]ost agent'; sleep 0.2")],
    ]
}

/// The doctor in the lab, with nothing wrong and with one thing at a time.
@Suite(.enabled(if: Project.hasLab, "needs root, for network namespaces"), .serialized)
struct DoctorTests {
    /// The keys of the contract, typed anew.
    private struct Report: Decodable {
        struct Hop: Decodable {
            let id: String
            let ok: Bool?
            let detail: String
            let elapsedSeconds: Double
        }
        let schema: String
        let ok: Bool
        let port: UInt16?
        let hops: [Hop]
        let verdict: String
        let advice: String
    }

    private static let order = [
        "vpn-link", "route", "host", "host-key", "ssh-auth", "toolkit", "listener", "forward", "end-to-end",
    ]

    private func prepare(_ lab: Lab, agent: Bool) async throws {
        let applied = try await lab.run("host", ["scout", "host", "forwarding", "apply"])
        try #require(applied.status == 0, "\(applied.errors)")
        let key = try await lab.shell("host", "cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub").output
        let known = "printf '[10.1.0.2]:23 %s' '\(key)' >> .config/scout/known_hosts"
        let copy = "cp .config/scout/known_hosts .config/scout/strangers; cat trusted_hosts > .config/scout/known_hosts"
        try await lab.shell("expert", "\(copy); \(known)")
        guard agent else { return }
        let started = try await lab.shell(
            "host",
            "setsid scout host agent > /lab/agent.log 2>&1 < /dev/null & "
                + "for i in $(seq 100); do test -S /opt/container/ipc/scout.sock && exit 0; sleep 0.05; done; exit 1")
        try #require(started.status == 0)
    }

    private func examine(_ lab: Lab, _ words: String...) async throws -> (status: Int32, report: Report) {
        let outcome = try await lab.onExpert(
            ["scout", "doctor", "--json", "--target", lab["SCOUT_LAB_TARGET"]] + words)
        return (outcome.status, try JSONDecoder().decode(Report.self, from: Data(outcome.output.utf8)))
    }

    @Test(InLab(.namespaces)) func nothingIsWrong() async throws {
        let lab = try #require(Lab.current)
        try await prepare(lab, agent: true)
        for words in [[], ["2003"], ["22"]] {
            let outcome = try await lab.onExpert(
                ["scout", "doctor", "--json", "--target", lab["SCOUT_LAB_TARGET"]] + words)
            let report = try JSONDecoder().decode(Report.self, from: Data(outcome.output.utf8))
            #expect(outcome.status == 0 && report.ok, "\(report.verdict)")
            #expect(report.schema == "scout.doctor/1")
            #expect(report.hops.map(\.id) == Self.order)
            #expect(report.hops.allSatisfy { $0.ok == true })
        }
        // A leased port proves itself by its service, and by who is allowed there.
        #expect(try await lab.scout("serve", "nbd", "evidence0", "--port", "2003").status == 0)
        let served = try await examine(lab, "2003")
        #expect(served.status == 0 && served.report.hops.last?.detail == "the export answers")
        #expect(try await lab.scout("release", "2003").status == 0)
        let alone = ["serve", "nbd", "evidence0", "--port", "2003", "--allow", "10.1.0.9"]
        #expect(try await lab.onExpert(["scout"] + lab.target + alone).status == 0)
        let barred = try await examine(lab, "2003")
        #expect(
            barred.status == 1 && barred.report.verdict.contains("turns this address away"), "\(barred.report.verdict)")
        #expect(try await lab.scout("release", "2003").status == 0)
        // A program without a lease: who it is, what the host does with the port, and no proof that isn't one.
        let stock = "nbdkit --port 2003 --ipaddr 10.0.3.2 --readonly memory 1M < /dev/null > /dev/null 2>&1"
        #expect(try await lab.shell("container", stock).status == 0)
        let foreign = try await examine(lab, "2003")
        #expect(foreign.report.hops.map(\.ok) == Array(repeating: true, count: 8) + [nil])
        #expect(foreign.report.hops[6].detail.hasPrefix("nbdkit (pid "), "\(foreign.report.hops[6].detail)")
        #expect(foreign.status == 1 && foreign.report.verdict.hasPrefix("end-to-end is not proven"))
        #expect(foreign.report.advice.hasPrefix("expert: "), "\(foreign.report.advice)")
        try await lab.shell("container", "pkill nbdkit")
        try await doubtsAreNoProof(lab)
        // From inside there is no way to prove the way from outside, and it says so.
        let inside = try await lab.run("container", ["scout", "doctor", "2004"])
        #expect(inside.status == 0 && inside.output.contains("the way from outside is not proven"), "\(inside.output)")
        let outcome = try await lab.scout("doctor", "4444")
        #expect(outcome.status == 64 && outcome.errors.contains("22, 2000–2009"))
    }

    /// Rules that may or may not let a port through, and an old status file of another VPN.
    private func doubtsAreNoProof(_ lab: Lab) async throws {
        try await lab.shell("expert", "mkdir -p /run/openvpn; touch -d '3 days ago' /run/openvpn/old.status")
        try await lab.shell("host", "iptables -I FORWARD -p tcp -m tcp --dport 2004 -m limit --limit 9/sec -j DROP")
        try await Task.sleep(for: .milliseconds(1100))
        let inside = try await lab.run("container", ["scout", "doctor", "2004"])
        #expect(inside.status == 1 && inside.output.contains("forward is not proven"), "\(inside.output)")
        try await lab.shell("host", "iptables -D FORWARD 1; iptables -I FORWARD -m limit --limit 1/day -j ACCEPT")
        try await Task.sleep(for: .milliseconds(1100))
        let tried = try await examine(lab, "2004")
        #expect(tried.status == 0 && tried.report.hops.allSatisfy { $0.ok == true }, "\(tried.report.verdict)")
        try await lab.shell("host", "iptables -D FORWARD 1")
        try await Task.sleep(for: .milliseconds(1100))
    }

    @Test(InLab(.namespaces), arguments: WayFault.all)
    func namesTheHopAndTheCause(fault: WayFault) async throws {
        let lab = try #require(Lab.current)
        try await prepare(lab, agent: fault.hasAgent)
        for blow in try #require(Blows.all[fault.testDescription]) {
            let struck = try await lab.shell(blow.node, blow.script)
            try #require(struck.status == 0, "\(blow.script): \(struck.errors)")
        }
        // An answer of the agent may be a second old.
        try await Task.sleep(for: .milliseconds(1100))
        let (status, report) = try await examine(lab, "2003")
        for word in fault.words { #expect(report.verdict.contains(word), "\(report.verdict)") }
        #expect(report.advice.hasPrefix(fault.person + ": "), "\(report.advice)")
        guard let hop = fault.hop else {
            #expect(status == 0 && report.ok && report.hops.allSatisfy { $0.ok == true })
            return
        }
        #expect(status == 1 && !report.ok)
        let place = try #require(Self.order.firstIndex(of: hop))
        #expect(report.hops.map(\.id) == Self.order)
        #expect(report.hops[..<place].allSatisfy { $0.ok == true }, "\(report.verdict)")
        #expect(report.hops[place].ok == false, "\(report.verdict)")
        #expect(report.hops[(place + 1)...].allSatisfy { $0.ok == nil }, "\(report.verdict)")
        #expect(report.hops.allSatisfy { $0.elapsedSeconds < 20 })
    }
}
