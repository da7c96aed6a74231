import Core
import FoundationEssentials
import Sessions
import SystemPackage
import TestSupport
import Testing

@testable import Diagnostics

/// The matrix of DoctorTests without a network: each fault as the answers that it causes.
@Suite(.timeLimit(.minutes(1))) struct FaultMatrixTests {
    private static let right = "CONTAINER_INCOMING -p tcp -m tcp --dport 2003 -j DNAT --to-destination 10.0.3.2:2003"
    private static let dropped = Rules().inserting("FORWARD -p tcp -m tcp --dport 2003 -j DROP")

    private static func agent(_ state: String) -> ScoutError { ScoutError(.unreachable, "the host's agent \(state)") }

    /// How each shows.
    private static let changes: [String: @Sendable (inout Answers) -> Void] = [
        "the laptop's VPN process is dead": { $0.network.addresses.removeLast() },
        "the host's VPN process is dead": {
            $0.network.banner = .failure(Answers.silent(22))
            $0.network.neighbour = false
        },
        "the VPN address has changed": {
            $0.network.banner = .failure(Answers.silent(22))
            $0.network.neighbour = nil
            $0.network.pings = false
            $0.scout.elsewhere = "10.1.0.7"
        },
        "another network has the address": { $0.network.way = "eth0" },
        "the container's interface is down": {
            $0.network.banner = .failure(Answers.silent(22))
            var rules = Rules(control: true)
            rules.down = ["ve-container"]
            $0.scout.listing = rules.listing
        },
        "the container's interface is down, and nobody can be asked": {
            $0.network.banner = .failure(Answers.silent(22))
        },
        "sshd is down": {
            $0.network.banner = .failure(
                ScoutError(
                    .unreachable, "10.1.0.2 port 22 refused the connection: nothing listens there",
                    errno: .connectionRefused))
        },
        "the host key is wrong": {
            let said = "the key of 10.1.0.2 has changed: it is ssh-ed25519 SHA256:b, known is ssh-ed25519 SHA256:a"
            $0.scout.failure = (.hostKey, ScoutError(.refused, said, hint: "if the scout was set up anew: ssh-keygen"))
        },
        "the key does not open the account": {
            $0.scout.failure = (.login, ScoutError(.refused, "10.1.0.2: access denied", hint: "name the right key"))
        },
        "the toolkit is missing": {
            $0.scout.toolkit = .failure(
                ScoutError(.unreachable, "scout is not installed in the container at 10.1.0.2", hint: "scp"))
        },
        "the service does not listen": {
            $0.scout.container.row = {
                ProbeReport.Row(port: $0, state: .leased, lease: Self.lease($0, answers: false))
            }
        },
        "it listens on 127.0.0.1 only": {
            $0.scout.container.row = {
                ProbeReport.Row(
                    port: $0, state: .loopbackOnly, process: PortsReport.Process(pid: 7, name: "python3"))
            }
        },
        "the DNAT rule is missing": { $0.forward(by: Rules().without(right)) },
        "the DNAT rule leads to a wrong address": {
            $0.forward(by: Rules().without(right).inserting(right.replacing("10.0.3.2", with: "10.0.3.9")))
        },
        "the DNAT rule is shadowed": {
            $0.forward(by: Rules().inserting("CONTAINER_INCOMING -p tcp -m tcp --dport 2000:2005 -j RETURN"))
        },
        "a DNAT rule takes another's port": {
            $0.forward(
                by: Rules().inserting(
                    "CONTAINER_INCOMING -p tcp -m tcp --dport 2000:2005 -j DNAT --to-destination 10.0.3.9"))
        },
        "FORWARD drops the port": { $0.forward(by: dropped) },
        "FORWARD's policy drops everything": {
            $0.network.banner = .failure(Answers.silent(22))
            $0.scout.listing = Rules(control: true).flushed("FORWARD").listing
        },
        "FORWARD drops the port, and there is no agent": {
            $0.scout.container.forwardsAnswer = .failure(agent("is absent: no socket at /var/host/ipc/scout.sock"))
            $0.network.voice = .nobody(Answers.silent(2003))
        },
        "the agent is absent": {
            $0.scout.container.forwardsAnswer = .failure(agent("is absent: no socket at /var/host/ipc/scout.sock"))
        },
        "the agent is hung": { $0.scout.container.forwardsAnswer = .failure(agent("does not answer within 3 s")) },
        "the agent is dead": { $0.scout.container.forwardsAnswer = .failure(agent("is dead: nobody listens")) },
    ]

    static func lease(_ port: UInt16, answers: Bool) -> PortsReport.Lease {
        let service = LeaseReport(
            port: port, service: "nbd", name: "evidence0", source: "/dev/host/evidence0", readOnly: true,
            uri: "nbd://10.1.0.2:\(port)/evidence0", bind: "10.0.3.2:\(port)", allow: [], tls: .off, pskFile: nil,
            pid: 7,
            state: "listening", startedAt: .distantPast)
        return PortsReport.Lease(service: service, traffic: answers ? PortsReport.Traffic() : nil)
    }

    @Test func nothingIsWrong() async throws {
        for port in [nil, 2003, 22] as [UInt16?] {
            let answers = Answers.well
            let report = await answers.doctor().examine(port)
            #expect(report.ok && report.hops.allSatisfy { $0.ok == true }, "\(report.verdict)")
            #expect(report.hops.map(\.id) == DoctorReport.HopID.allCases)
            #expect(report.verdict == "port \(port ?? 2000) works end to end" && report.advice.isEmpty)
            #expect(report.port == port ?? 2000)
            #expect(answers.isReleased)
        }
    }

    @Test(arguments: WayFault.all) func namesTheHopAndTheCause(fault: WayFault) async throws {
        var answers = Answers.well
        let change = try #require(Self.changes[fault.testDescription], "the lab's fault has no twin here")
        change(&answers)
        let report = await answers.doctor().examine(2003)
        for word in fault.words { #expect(report.verdict.contains(word), "\(report.verdict)") }
        #expect(report.advice.hasPrefix(fault.person + ": "), "\(report.advice)")
        #expect(answers.isReleased)
        guard let hop = fault.hop else {
            #expect(report.ok && report.hops.allSatisfy { $0.ok == true }, "\(report.verdict)")
            return
        }
        let place = try #require(report.hops.firstIndex { $0.id.rawValue == hop })
        #expect(!report.ok && report.hops[..<place].allSatisfy { $0.ok == true }, "\(report.verdict)")
        #expect(report.hops[place].ok == false)
        #expect(report.hops[(place + 1)...].allSatisfy { $0.ok == nil && $0.detail == "not reached" })
    }

    @Test func everyTwinHasItsFault() {
        #expect(Set(Self.changes.keys) == Set(WayFault.all.map(\.testDescription)))
    }
}

extension Answers {
    /// Has the host forward by other rules, as its agent tells.
    mutating func forward(by rules: Rules) { scout.container.forwardsAnswer = .success(rules.report(.agent)) }

    /// Whether nothing is held of the container any more.
    var isReleased: Bool { scout.open.now == 0 && scout.container.probes.now == 0 }
}
