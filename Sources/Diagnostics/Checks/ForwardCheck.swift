import Core
import Host
import FoundationEssentials

extension Check {
    /// What the host does with the port: by its agent's word, else by trying.
    static let forward = Check(.forward, needs: [.listener], deadline: nil) { facts in
        if facts.isSSHPort { return .proven("this very session came through it") }
        let row = try facts.probed()
        let reason: String
        switch await facts.askAgent() {
        case .success(let report):
            switch try ForwardCheck.judge(report, row.port) {
            case .proven(let detail): return .proven(detail)
            case .notKnown(let doubt, _): reason = doubt
            }
        case .failure(let silence): reason = "the host's forwards are not known from the host: \(silence.message)"
        }
        return try await ForwardCheck.tryInstead(&facts, row, reason)
    }

    /// Whether a connection from here ends at the container.
    static let endToEnd = Check(.endToEnd, needs: [.forward], deadline: nil) { facts in
        if facts.isSSHPort { return .proven("this very session came through it") }
        if let proof = facts.proof { return try proof.get() }
        return try await ForwardCheck.prove(facts, try facts.probed())
    }
}

extension Facts {
    /// What the container says is on the port, which a check before has asked.
    func probed() throws(HopFailure) -> ProbeReport.Row {
        guard let row else { throw HopFailure("the container was not asked about the port", .expert, "try again") }
        return row
    }
}

/// The last two hops: what the host does with a port, and whether a connection gets through.
enum ForwardCheck {
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
                next: Advice(
                    .owner, "look at that rule; scout host forwarding apply loads the firewall as it should be"))
        case .closed:
            throw HopFailure(
                "the host does not let port \(port) through: \(forward.reason ?? "no reason given")", .owner,
                "scout host forwarding apply loads the firewall as it should be")
        }
    }

    /// A connection from here.
    ///
    /// - Throws: `HopFailure` where it does not end at the container, or can't be made.
    static func prove(_ facts: Facts, _ row: ProbeReport.Row) async throws(HopFailure) -> Finding {
        let reach = await PortReachability.test(
            row, at: facts.host, nonce: facts.nonce, deadline: .seconds(5), asking: facts.network)
        switch reach.verdict {
        case .open: return .proven(reach.reason)
        case .unknown where row.state == .leased && reach.isTurnedAway:
            throw HopFailure(
                reach.reason, .expert,
                "release it and serve it with --allow for this address; scout ports shows who is allowed")
        case .unknown where row.state == .foreign:
            return .notKnown(
                reach.reason,
                next: Advice(.expert, "scout doctor without a port proves the way; scout serve proves itself"))
        case .unknown:
            return .notKnown(
                reach.reason, next: Advice(.expert, "try again; scout ports shows who is on port \(row.port)"))
        case .closed:
            throw HopFailure(
                "a connection to \(facts.host) port \(row.port) does not reach the container: \(reach.reason)", .owner,
                "look for another firewall on the way; scout host forwarding show")
        }
    }

    /// Where the host's word is missing the proof comes first; where it fails, the host may still be asked over SSH.
    ///
    /// - Parameter reason: why there is no word, as a sentence.
    static func tryInstead(
        _ facts: inout Facts, _ row: ProbeReport.Row, _ reason: String
    ) async throws(HopFailure) -> Finding {
        do throws(HopFailure) {
            let proof = try await prove(facts, row)
            facts.proof = .success(proof)
            facts.remark = (
                reason, Advice(.owner, "start 'scout host agent' on the LiveOS, to be told what it forwards")
            )
            guard case .proven = proof else { return .notKnown(reason) }
            return .proven("proven by trying; \(reason)")
        } catch {
            facts.proof = .failure(error)
            if let listing = try? await facts.scout.hostListing(asks: false, deadline: .seconds(2)) {
                return try judge(listing.report(facts.topology, source: .ssh, checkedAt: Date()), row.port)
            }
            throw HopFailure(
                "\(error.cause); why is not known: \(reason)", .owner,
                "start 'scout host agent' on the LiveOS, or send the expert what 'iptables-save -c' prints")
        }
    }
}
