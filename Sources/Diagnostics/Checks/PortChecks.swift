import Core
import FoundationEssentials

extension Check {
    /// Who listens on the port in the container. The probe that this starts goes on until the examination ends.
    static let listener = Check(.listener, needs: [.toolkit], deadline: nil) { facts in
        if facts.isSSHPort { return .proven("sshd listens") }
        let asked = facts.wanted.map { [$0] } ?? Array(facts.topology.reservedPorts)
        let (container, nonce) = (try facts.reached(), facts.nonce)
        let probe = try await Loan<ProbeReport>.take { hold in
            try await container.withProbe(asked, nonce: nonce, hold)
        }
        facts.probe = probe
        let rows = probe.value.ports
        guard let row = rows.first(where: { $0.state == .probing }) ?? rows.first else {
            throw ScoutError(.protocolViolation, "the container does not say what is on the port")
        }
        facts.row = row
        return .proven(try listener(row, facts.topology))
    }

    /// Who listens, or why nobody can reach it.
    static func listener(_ row: ProbeReport.Row, _ topology: Topology) throws(HopFailure) -> String {
        let program = row.process.map { "\($0.name) (pid \($0.pid))" } ?? "another program"
        switch row.state {
        case .probing: return "nothing is served on port \(row.port): a probe listens there for now"
        case .leased:
            guard let lease = row.lease, lease.traffic != nil else {
                throw HopFailure(
                    "the service of port \(row.port) does not listen any more: its gate does not answer", .expert,
                    "scout release \(row.port), and serve it again")
            }
            return "\(lease.service.name) is served, \(lease.service.source)"
        case .foreign: return "\(program) listens, without a lease"
        case .loopbackOnly:
            throw HopFailure(
                "\(program) listens on port \(row.port) of the loopback address only, where nothing from outside arrives",
                .expert, "have it listen on \(topology.containerAddress) or 0.0.0.0")
        case .failed:
            throw HopFailure("nothing can listen on port \(row.port) of the container", .expert, "scout ports")
        }
    }
}

extension Facts {
    /// Whether the port in question is the one that the session itself came by.
    var isSSHPort: Bool { wanted == topology.sshPort }
}
