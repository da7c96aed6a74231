import Core
import Forwarding
import FoundationEssentials
import Sessions

/// The last two hops of ``Doctor``: what the host does with a port, and whether a connection gets through.
struct PortWay: Sendable {
    let doctor: Doctor
    let row: ProbeReport.Row
    let nonce: String

    private var book: Examination { doctor.protocolBook }
    private var host: String { doctor.target.address.host }

    func check(_ container: RemoteContainer) async throws {
        let start = ContinuousClock.now
        let answer = await Self.ask(container)
        switch answer {
        case .success(let report):
            _ = try await book.step(.forward) { try Self.judge(report, row.port) }
            _ = try await book.step(.endToEnd) { try await prove() }
        case .failure(let silence):
            try await doWithout(silence, since: start)
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

    /// What the host's rules say of the port.
    static func judge(_ report: ForwardsReport, _ port: UInt16) throws -> (Verdict, String) {
        guard let forward = report.forwards.first(where: { $0.port == port }) else {
            throw Trouble(
                "the host does not forward port \(port): it is none of the topology's", .owner,
                "scout host forwarding apply")
        }
        if report.vpn.up == false {
            throw Trouble("the host says that its VPN link is down", .owner, "restart the VPN on the LiveOS")
        }
        switch forward.vpn {
        case .open: return (.open, "the host forwards it to \(forward.to), says \(report.source.words)")
        case .unknown: return (.unknown, "the rules leave it open: \(forward.reason ?? "not understood")")
        case .closed:
            throw Trouble(
                "the host does not let port \(port) through: \(forward.reason ?? "no reason given")", .owner,
                "scout host forwarding apply loads the firewall as it should be")
        }
    }

    /// A connection from here.
    private func prove() async throws -> (Bool, String) {
        let reach = await Reach.test(row, at: host, nonce: nonce, deadline: .seconds(5))
        switch reach.verdict {
        case .open: return (true, reach.reason)
        case .unknown where row.state == .foreign: return (true, reach.reason)
        case .unknown where row.state == .leased:
            throw Trouble(
                reach.reason, .expert,
                "release it and serve it with --allow for this address; scout ports shows who is allowed")
        case .unknown, .closed:
            throw Trouble(
                "a connection to \(host) port \(row.port) does not reach the container: \(reach.reason)", .owner,
                "look for another firewall on the way; scout host forwarding show")
        }
    }

    /// Without the agent's word the proof comes first; where it fails, the host may still be asked over SSH.
    private func doWithout(_ silence: ScoutError, since start: ContinuousClock.Instant) async throws {
        let remark = "the host's forwards are not known from the host: \(silence.message)"
        do {
            let (_, detail) = try await prove()
            await book.note(.forward, true, "proven by trying; \(silence.message)", since: start)
            await book.note(.endToEnd, true, detail, since: start)
            await book.remark(
                remark, advice: "owner: start 'scout host agent' on the LiveOS, to be told what it forwards")
        } catch {
            if let report = try? await ForwardsInquiry(invocation: doctor.invocation).overSSH(asks: false) {
                _ = try await book.step(.forward) { try Self.judge(report, row.port) }
                throw await book.fail(.endToEnd, error, since: start)
            }
            let cause = (error as? Trouble)?.cause ?? "\(error)"
            throw await book.fail(
                .forward,
                Trouble(
                    "\(cause); why is not known: \(silence.message)", .owner,
                    "start 'scout host agent' on the LiveOS, or send the expert what 'iptables-save -c' prints"),
                since: start)
        }
    }
}
