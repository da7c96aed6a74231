import Core
import FoundationEssentials
import Host
import Sessions

/// The last two hops of ``Doctor``: what the host does with a port, and whether a connection gets through.
struct ForwardCheck: Sendable {
    let doctor: Doctor
    let row: ProbeReport.Row
    let nonce: String

    private var recorder: HopRecorder { doctor.recorder }
    private var host: String { doctor.target.address.host }

    func check(_ container: RemoteContainer) async throws {
        let start = ContinuousClock.now
        switch await Self.ask(container) {
        case .success(let report):
            let judged: Finding
            do {
                judged = try Self.judge(report, row.port)
            } catch {
                throw await recorder.fail(.forward, error, since: start)
            }
            switch judged {
            case .proven: await recorder.note(.forward, judged, since: start)
            case .notKnown(let reason, _): return try await doWithout(reason, since: start)
            }
            let begun = ContinuousClock.now
            do {
                await recorder.note(.endToEnd, try await prove(), since: begun)
            } catch {
                throw await recorder.fail(.endToEnd, error, since: begun)
            }
        case .failure(let silence):
            try await doWithout("the host's forwards are not known from the host: \(silence.message)", since: start)
        }
    }

    private static func ask(_ container: RemoteContainer) async -> Result<ForwardsReport, ScoutError> {
        do {
            return .success(try await container.forwards())
        } catch let error as ScoutError {
            return .failure(error)
        } catch {
            return .failure(ScoutError(.failed, "\(error)"))
        }
    }

    static let linkIsDown = HopFailure(
        "the host says that its VPN link is down", .owner, "restart the VPN on the LiveOS")

    /// What the host's rules say of the port.
    ///
    /// - Throws: `HopFailure` where they keep it closed.
    static func judge(_ report: ForwardsReport, _ port: UInt16) throws(HopFailure) -> Finding {
        guard let forward = report.forwards.first(where: { $0.port == port }) else {
            throw HopFailure(
                "the host does not forward port \(port): it is none of the topology's", .owner,
                "scout host forwarding apply")
        }
        if report.vpn.up == false { throw linkIsDown }
        switch forward.vpn {
        case .open where forward.vpnAddress != nil:
            throw HopFailure(
                "the host lets port \(port) through at another of its addresses only: \(forward.reason ?? "")", .owner,
                "scout host forwarding apply loads the firewall as it should be")
        case .open: return .proven("the host forwards it to \(forward.to), says \(report.source.text)")
        case .unknown:
            return .notKnown(
                "the host's rules don't tell: \(forward.reason ?? "not understood")",
                next: "owner: look at that rule; scout host forwarding apply loads the firewall as it should be")
        case .closed:
            throw HopFailure(
                "the host does not let port \(port) through: \(forward.reason ?? "no reason given")", .owner,
                "scout host forwarding apply loads the firewall as it should be")
        }
    }

    /// A connection from here.
    ///
    /// - Throws: `HopFailure` where it does not end at the container, or can't be made.
    private func prove() async throws(HopFailure) -> Finding {
        let reach = await PortReachability.test(row, at: host, nonce: nonce, deadline: .seconds(5))
        switch reach.verdict {
        case .open: return .proven(reach.reason)
        case .unknown where row.state == .leased && reach.isTurnedAway:
            throw HopFailure(
                reach.reason, .expert,
                "release it and serve it with --allow for this address; scout ports shows who is allowed")
        case .unknown where row.state == .foreign:
            return .notKnown(
                reach.reason, next: "expert: scout doctor without a port proves the way; scout serve proves itself")
        case .unknown:
            return .notKnown(reach.reason, next: "expert: try again; scout ports shows who is on port \(row.port)")
        case .closed:
            throw HopFailure(
                "a connection to \(host) port \(row.port) does not reach the container: \(reach.reason)", .owner,
                "look for another firewall on the way; scout host forwarding show")
        }
    }

    /// Where the host's word is missing the proof comes first; where it fails, the host may still be asked over SSH.
    ///
    /// - Parameter reason: why there is no word, as a sentence.
    private func doWithout(_ reason: String, since start: ContinuousClock.Instant) async throws {
        do throws(HopFailure) {
            let proof = try await prove()
            if case .proven = proof {
                await recorder.note(.forward, true, "proven by trying; \(reason)", since: start)
            } else {
                await recorder.note(.forward, nil, reason, since: start)
            }
            await recorder.note(.endToEnd, proof, since: start)
            await recorder.remark(
                reason, advice: "owner: start 'scout host agent' on the LiveOS, to be told what it forwards")
        } catch {
            if let report = try? await ForwardsLookup(doctor.subject).overSSH(asks: false) {
                do {
                    await recorder.note(.forward, try Self.judge(report, row.port), since: start)
                } catch {
                    throw await recorder.fail(.forward, error, since: start)
                }
                throw await recorder.fail(.endToEnd, error, since: start)
            }
            throw await recorder.fail(
                .forward,
                HopFailure(
                    "\(error.cause); why is not known: \(reason)", .owner,
                    "start 'scout host agent' on the LiveOS, or send the expert what 'iptables-save -c' prints"),
                since: start)
        }
    }
}
