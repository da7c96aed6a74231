import Core
import FoundationEssentials
import Platform
import Sessions
import Synchronization
import Testing

@testable import Diagnostics

/// What the lab can't make, or not at will.
@Suite(.timeLimit(.minutes(1))) struct DoctorCaseTests {
    /// One change of what is well, and the hop that it shows at.
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let change: @Sendable (inout Answers) -> Void
        let hop: DoctorReport.HopID
        /// `false` fails, `nil` is not known.
        var ok: Bool? = false
        let words: [String]
        var person = "owner"

        init(
            _ testDescription: String, _ hop: DoctorReport.HopID, ok: Bool? = false, words: [String],
            person: String = "owner", change: @escaping @Sendable (inout Answers) -> Void
        ) {
            self.testDescription = testDescription
            self.hop = hop
            self.ok = ok
            self.words = words
            self.person = person
            self.change = change
        }
    }

    private static func unforwarded(_ change: (inout ForwardsReport.Row) -> Void) -> ForwardsReport {
        var report = Rules().report(.agent)
        for index in report.forwards.indices where report.forwards[index].port == 2003 {
            change(&report.forwards[index])
        }
        return report
    }

    private static let absent = ScoutError(.unreachable, "the host's agent is absent: no socket")

    static let all = [
        Case("the VPN process hangs", .vpnLink, words: ["has not written"], person: "expert") {
            $0.network.silence = "OpenVPN (pid 7) has not written /run/openvpn/x.status for 300 s: it hangs"
        },
        Case("no process holds the interface", .vpnLink, words: ["no VPN process holds"], person: "expert") {
            $0.network.fault = "no VPN process holds the interface tap0"
        },
        Case("there is no route", .route, words: ["there is no route to 10.1.0.2"], person: "expert") {
            $0.network.way = nil
        },
        Case("it is another server", .host, words: ["is no SSH server: it says \"HTTP/1.0 400"]) {
            $0.network.banner = .success("HTTP/1.0 400 Bad Request\r\n")
        },
        Case("the server is mute", .host, words: ["accepts the connection, and no SSH server speaks"]) {
            $0.network.banner = .success("")
        },
        // Nobody may ping, and the network knows no hardware addresses: that nobody has the address is not known.
        Case("nobody can tell who is there", .host, words: ["the LiveOS is there, but its port 22 leads nowhere"]) {
            $0.network.banner = .failure(Answers.silent(22))
            $0.network.neighbour = nil
            $0.network.pings = nil
        },
        // A text that speaks of a refusal is none.
        Case("a name that contains the word", .host, words: ["its port 22 leads nowhere"]) {
            $0.network.banner = .failure(ScoutError(.unreachable, "refused.example port 22 did not answer"))
        },
        Case(
            "the host forwards, and sshd is down", .host,
            words: ["the host forwards it, so the container's sshd is down"]
        ) {
            $0.network.banner = .failure(Answers.silent(22))
            $0.scout.listing = Rules(control: true).listing
        },
        Case("the link is lost while the key is exchanged", .hostKey, words: ["link lost"], person: "expert") {
            $0.scout.failure = (.dialling, ScoutError(.unreachable, "10.1.0.2: link lost", hint: "check the VPN"))
        },
        Case("this is the host", .toolkit, words: ["the host itself, not the container"]) { $0.scout.isHost = true },
        Case("the login shell ends", .toolkit, words: ["ends before it runs a command"]) {
            $0.scout.toolkit = .success(
                .shellFails(ScoutError(.protocolViolation, "the login shell ends before it runs a command")))
        },
        Case("the probe is refused", .listener, words: ["did not begin to listen"], person: "expert") {
            $0.scout.container.probeFailure = ScoutError(.unreachable, "the container did not begin to listen")
        },
        Case("the container names no port", .listener, words: ["does not say what is on the port"], person: "expert") {
            $0.scout.container.row = { _ in nil }
        },
        Case("nothing can listen", .listener, words: ["nothing can listen on port 2003"], person: "expert") {
            $0.scout.container.row = { ProbeReport.Row(port: $0, state: .failed) }
        },
        Case("the host says that its VPN is down", .forward, words: ["its VPN link is down"]) {
            var report = Rules().report(.agent)
            report.vpn.up = false
            $0.scout.container.forwardsAnswer = .success(report)
        },
        Case("it is forwarded at another address", .forward, words: ["another of its addresses only: there"]) {
            $0.scout.container.forwardsAnswer = .success(
                unforwarded {
                    $0.vpnAddress = "10.1.0.9"
                    $0.reason = "there"
                })
        },
        Case("it is none of the host's ports", .forward, words: ["it is none of the topology's"]) {
            var report = Rules().report(.agent)
            report.forwards.removeAll { $0.port == 2003 }
            $0.scout.container.forwardsAnswer = .success(report)
        },
        // The agent's rules don't tell, nothing answers, and the host itself says why.
        Case("the host tells over SSH", .forward, words: ["does not let port 2003 through", "FORWARD 1"]) {
            $0.scout.container.forwardsAnswer = .success(unforwarded { $0.vpn = .unknown })
            $0.network.voice = .nobody(Answers.silent(2003))
            $0.scout.listing = Rules(control: true).inserting("FORWARD -p tcp -m tcp --dport 2003 -j DROP").listing
        },
        Case("the host forwards, and something else stops it", .endToEnd, words: ["does not reach the container"]) {
            $0.scout.container.forwardsAnswer = .failure(absent)
            $0.network.voice = .nobody(Answers.silent(2003))
            $0.scout.listing = Rules(control: true).listing
        },
        Case("a firewall on the way stops it", .endToEnd, words: ["did not answer within 5 s"]) {
            $0.network.voice = .nobody(Answers.silent(2003))
        },
        Case("it leads to another port", .endToEnd, words: ["it leads to port 2004 of the container"]) {
            $0.network.voice = .nonce(as: 2004)
        },
        Case("somebody else answers", .endToEnd, words: ["somebody else answers, not the container"]) {
            $0.network.voice = .bytes(Array("scout-probe 0123456789abc 2003\n".utf8))
        },
        Case("a mute one answers", .endToEnd, ok: nil, words: ["does not tell the nonce"], person: "expert") {
            $0.network.voice = .bytes([])
        },
        Case("this machine can't dial", .endToEnd, ok: nil, words: ["could not dial"], person: "expert") {
            $0.network.voice = .nobody(ScoutError(.io, "this machine could not dial 10.1.0.2 port 2003"))
        },
        Case("another service answers than the leased one", .endToEnd, words: ["another service than the leased one"]) {
            $0.scout.container.row = {
                ProbeReport.Row(port: $0, state: .leased, lease: FaultMatrixTests.lease($0, answers: true))
            }
            $0.network.voice = .bytes(Array("SSH-2.0-OpenSSH".utf8))
        },
        Case("the gate lets nobody in", .endToEnd, words: ["turns this address away"], person: "expert") {
            $0.scout.container.row = {
                ProbeReport.Row(port: $0, state: .leased, lease: FaultMatrixTests.lease($0, answers: true))
            }
            $0.network.voice = .bytes([])
        },
        Case(
            "a program without a lease", .endToEnd, ok: nil, words: ["is not proven", "without a lease"],
            person: "expert"
        ) {
            $0.scout.container.row = { ProbeReport.Row(port: $0, state: .foreign) }
        },
    ]

    @Test(arguments: all) func showsAtItsHop(given: Case) async throws {
        var answers = Answers.well
        given.change(&answers)
        let report = await answers.doctor().examine(2003)
        for word in given.words { #expect(report.verdict.contains(word), "\(report.verdict)") }
        #expect(report.advice.hasPrefix(given.person + ": "), "\(report.advice)")
        let place = try #require(report.hops.firstIndex { $0.id == given.hop })
        #expect(!report.ok && report.hops[..<place].allSatisfy { $0.ok == true }, "\(report.hops)")
        #expect(report.hops[place].ok == given.ok && report.hops[place].detail != "not reached")
        #expect(report.hops[(place + 1)...].allSatisfy { $0.ok == nil }, "\(report.hops)")
        #expect(answers.isReleased)
    }

    /// A name's address is the resolver's business; the rest of the way proves itself.
    @Test func aNameIsNotLookedUp() async throws {
        let address = try #require(Address("scout.example"))
        let subject = Subject(
            target: Target(name: "case42", address: address), topology: .documented, configuration: Answers.nobody)
        let report = await Answers.well.doctor(subject).examine(nil)
        #expect(report.ok && report.hops.map(\.ok) == [nil, nil] + Array(repeating: true, count: 7))
        #expect(report.hops[0].detail == "scout.example is a name: not checked")
    }

    @Test func aScoutOutsideTheVPNIsReachedWithoutIt() async throws {
        var answers = Answers.well
        answers.network.addresses.removeLast()
        answers.network.way = "eth0"
        let address = try #require(Address("192.0.2.7:2222"))
        let subject = Subject(
            target: Target(name: "far", address: address), topology: .documented, configuration: Answers.nobody)
        let report = await answers.doctor(subject).examine(nil)
        #expect(report.ok && report.hops[0].detail.contains("reached without it"), "\(report.verdict)")
        #expect(report.hops[2].detail.contains("192.0.2.7 port 2222"))
    }

    /// A leased port proves itself by its service, and noise of the shell is told without breaking anything.
    @Test func anExportIsProofEnough() async {
        var answers = Answers.well
        answers.scout.container.row = {
            ProbeReport.Row(port: $0, state: .leased, lease: FaultMatrixTests.lease($0, answers: true))
        }
        answers.network.voice = .bytes(Array("NBDMAGICIHAVEOPT".utf8))
        answers.scout.toolkit = .success(.version("1.2.3", noise: "hello"))
        let report = await answers.doctor().examine(2003)
        #expect(report.ok && report.hops.last?.detail == "the export answers", "\(report.verdict)")
        #expect(report.hops[5].detail.contains("the login shell prints 'hello'"))
        #expect(report.hops[6].detail == "evidence0 is served, /dev/host/evidence0")
    }

    /// Where the rules don't tell, a connection does.
    @Test func whatTheRulesDoNotTellIsTried() async {
        var answers = Answers.well
        answers.forward(by: Rules().inserting("FORWARD -p tcp -m tcp --dport 2003 -m limit --limit 9/sec -j DROP"))
        let report = await answers.doctor().examine(2003)
        #expect(report.ok && report.hops[7].detail.hasPrefix("proven by trying; the host's rules don't tell"))
        #expect(report.advice.hasPrefix("owner: start 'scout host agent'"))
    }

    /// A free port is taken where one is; else the first that was looked at.
    @Test func aPortIsChosen() async {
        var answers = Answers.well
        answers.scout.container.row = { ProbeReport.Row(port: $0, state: $0 < 2004 ? .foreign : .probing) }
        #expect(await answers.doctor().examine(nil).port == 2004)
        answers.scout.container.row = { ProbeReport.Row(port: $0, state: .foreign) }
        #expect(await answers.doctor().examine(nil).port == 2000)
    }

    /// Each probe has a nonce of its own, or an old answer would prove a new way.
    @Test func noNonceIsUsedTwice() async {
        let answers = Answers.well
        var seen: Set<String> = []
        for _ in 0..<20 {
            _ = await answers.doctor().examine(2003)
            seen.insert(answers.network.nonce.value.withLock { $0 })
        }
        #expect(seen.count == 20 && seen.allSatisfy { $0.count > 16 && $0.allSatisfy { $0.isLetter || $0.isNumber } })
        #expect(answers.scout.open.ever == 20 && answers.scout.container.probes.ever == 20 && answers.isReleased)
    }
}
