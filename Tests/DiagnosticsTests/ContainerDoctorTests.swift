import Core
import Platform
import Testing

@testable import Diagnostics

/// What the doctor sees from inside the container.
@Suite(.timeLimit(.minutes(1))) struct ContainerDoctorTests {
    /// The container's own answers: all is well.
    private static var well: Answers {
        var answers = Answers.well
        answers.network.addresses = [("lo", "127.0.0.1"), ("host0", "10.0.3.2")].compactMap { name, text in
            IPAddress(text).map { NetworkInterface(name: name, address: $0) }
        }
        answers.network.way = "host0"
        answers.network.voice = .bytes(Array("SSH-2.0-OpenSSH\r\n".utf8))
        return answers
    }

    @Test func theWayFromOutsideIsNotProvenFromInside() async {
        let answers = Self.well
        let report = await answers.containerDoctor().examine(2004)
        #expect(report.ok && report.port == 2004)
        #expect(report.verdict == "seen from inside, port 2004 is well; the way from outside is not proven")
        #expect(report.advice == "expert: scout doctor 2004 on the laptop")
        #expect(report.hops.map(\.ok) == Array(repeating: true, count: 8) + [nil])
        #expect(report.hops.last?.detail == "not reached" && answers.scout.container.probes.now == 0)
        #expect(await answers.containerDoctor().examine(nil).port == 2000)
    }

    private static let cases: [(DoctorReport.HopID, String, String, @Sendable (inout Answers) -> Void)] = [
        (
            .vpnLink, "its VPN link is down", "owner",
            {
                var report = Rules().report(.agent)
                report.vpn.up = false
                $0.scout.container.forwardsAnswer = .success(report)
            }
        ),
        (.route, "no interface of the container has the address 10.0.3.2", "owner", { $0.network.addresses = [] }),
        (.route, "the interface host0 is down", "expert", { $0.network.fault = "the interface host0 is down" }),
        (.route, "the container has no route to the VPN", "expert", { $0.network.way = nil }),
        (.host, "the host does not answer at 10.0.3.1", "owner", { $0.network.neighbour = false }),
        (
            .sshAuth, "the container's sshd is down: nothing listens", "expert",
            { $0.network.banner = .failure(ScoutError(.unreachable, "nothing listens")) }
        ),
        (.sshAuth, "does not speak SSH", "expert", { $0.network.banner = .success("220 ftp\r\n") }),
        (
            .listener, "loopback address only", "expert",
            { $0.scout.container.row = { ProbeReport.Row(port: $0, state: .loopbackOnly) } }
        ),
        (
            .listener, "there is no port to check", "expert", { $0.scout.container.row = { _ in nil } }
        ),
        (
            .forward, "FORWARD 1", "owner",
            { $0.forward(by: Rules().inserting("FORWARD -p tcp -m tcp --dport 2004 -j DROP")) }
        ),
    ]

    @Test(arguments: cases.indices) func namesTheHopAndTheCause(index: Int) async throws {
        let (hop, words, person, change) = Self.cases[index]
        var answers = Self.well
        change(&answers)
        let report = await answers.containerDoctor().examine(2004)
        #expect(!report.ok && report.verdict.hasPrefix("\(hop.rawValue) fails: "), "\(report.verdict)")
        #expect(report.verdict.contains(words) && report.advice.hasPrefix(person + ": "), "\(report.verdict)")
        let place = try #require(report.hops.firstIndex { $0.id == hop })
        #expect(report.hops[..<place].allSatisfy { $0.ok == true }, "\(report.hops)")
        #expect(report.hops[(place + 1)...].allSatisfy { $0.ok == nil && $0.detail == "not reached" })
    }

    /// Where the agent is silent, nothing is known of the VPN, and the rest is looked at all the same.
    @Test func withoutTheAgentTheForwardIsNotKnown() async {
        var answers = Self.well
        answers.scout.container.forwardsAnswer = .failure(ScoutError(.unreachable, "the host's agent is dead"))
        let report = await answers.containerDoctor().examine(2004)
        #expect(report.hops.map(\.ok) == [nil] + Array(repeating: true, count: 6) + [false, nil])
        #expect(report.verdict == "forward fails: what the host forwards is not known: the host's agent is dead")
        #expect(report.advice.hasPrefix("owner: start 'scout host agent' on the LiveOS"))
    }

    @Test func rulesThatDoNotTellProveNothing() async {
        var answers = Self.well
        answers.forward(by: Rules().inserting("FORWARD -p tcp -m tcp --dport 2004 -m limit --limit 9/sec -j DROP"))
        let report = await answers.containerDoctor().examine(2004)
        #expect(!report.ok && report.verdict.hasPrefix("forward is not proven: the host's rules don't tell"))
        #expect(report.verdict.hasSuffix("; the way from outside is not proven"), "\(report.verdict)")
        #expect(report.advice.hasPrefix("owner: look at that rule"), "\(report.advice)")
    }

    /// In a network without hardware addresses a host that lets nobody in can't be told from none.
    @Test func aHostThatNobodyHearsIsNotKnown() async {
        var answers = Self.well
        answers.network.neighbour = nil
        answers.network.voice = .nobody(ScoutError(.unreachable, "10.0.3.1 port 23 did not answer within 1 s"))
        let report = await answers.containerDoctor().examine(2004)
        #expect(report.ok && report.hops[2].ok == nil, "\(report.hops)")
        #expect(report.hops[2].detail == "no hardware address to go by, and 10.0.3.1 port 23 did not answer within 1 s")
    }
}
