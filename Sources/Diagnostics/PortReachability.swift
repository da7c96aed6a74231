import Core
import Platform

/// Whether a connection to a forwarded port ends at the container, and how that shows.
struct PortReachability: Sendable {
    /// `open`, `closed`, or `unknown` where whoever answers can't be told.
    let verdict: Verdict
    /// How that shows, in a few words without a full stop.
    let reason: String
    /// Whether somebody answered, and would not speak to this address.
    var isTurnedAway = false

    /// Dials one port of a host while the container probes it.
    ///
    /// - Parameters:
    ///   - row: what the container says is on the port.
    ///   - host: the address to dial.
    ///   - nonce: of the probe.
    ///   - deadline: for the connection and what is read from it.
    ///   - network: dials.
    static func test(
        _ row: ProbeReport.Row, at host: String, nonce: String, deadline: Duration, asking network: any NetworkQuestions
    ) async -> PortReachability {
        do throws(ScoutError) {
            switch row.state {
            case .probing:
                let said = try await network.read(
                    host: host, port: row.port, deadline: deadline, until: { $0.contains(10) })
                return judge(String(decoding: said, as: UTF8.self), row.port, nonce)
            case .leased:
                // The protocol's first 16 bytes, which the server sends unasked (NBD protocol, handshake).
                let said = try await network.read(
                    host: host, port: row.port, deadline: deadline, until: { $0.count >= 16 })
                if said.starts(with: "NBDMAGIC".utf8) { return PortReachability(.open, "the export answers") }
                guard said.isEmpty else {
                    return PortReachability(.closed, "another service than the leased one answers")
                }
                var barred = PortReachability(
                    .unknown, "whoever answers turns this address away, as a gate does that it is not allowed at")
                barred.isTurnedAway = true
                return barred
            case .foreign:
                _ = try await network.read(
                    host: host, port: row.port, deadline: .seconds(1), until: { _ in true })
                return PortReachability(
                    .unknown, "it connects, but a program without a lease can't prove that it is the container's")
            case .loopbackOnly, .failed:
                return PortReachability(.unknown, "nothing in the container listens there for the network")
            }
        } catch {
            // What failed on this machine says nothing of the other one.
            return PortReachability(error.code == .unreachable ? .closed : .unknown, error.message)
        }
    }

    private static func judge(_ text: String, _ port: UInt16, _ nonce: String) -> PortReachability {
        if text == ProbeReport.greeting(nonce: nonce, port: port) {
            return PortReachability(.open, "the nonce came back")
        }
        let parts = text.split(separator: " ")
        if parts.count == 3, parts[1] == nonce {
            return PortReachability(.closed, "it leads to port \(parts[2].filter(\.isNumber)) of the container")
        }
        return text.isEmpty
            ? PortReachability(.unknown, "somebody accepts the connection and does not tell the nonce")
            : PortReachability(.closed, "somebody else answers, not the container")
    }

    private init(_ verdict: Verdict, _ reason: String) {
        self.verdict = verdict
        self.reason = reason
    }

    /// A number that nobody can guess, in letters and digits.
    static func nonce() -> String {
        (0..<2).map { _ in String(UInt64.random(in: .min ... .max), radix: 36) }.joined()
    }
}
