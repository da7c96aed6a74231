import Core
import Platform

/// Who may connect to a gate, and who has to make room: decisions alone, which touch nothing.
struct GateGuard {
    /// Who may connect, beside the machine itself.
    let allow: [CIDR]
    /// Clients at a time.
    let maxClients: Int

    /// How long a handshake may take.
    static let handshakeDeadline = Duration.seconds(15)
    /// Handshakes at a time, from one address and in all. One acquisition opens up to 16 connections at once.
    static let handshakesPerAddress = 16
    static let handshakes = 64

    /// A connection that has not agreed with its server yet.
    struct Handshake {
        let pid: Int32
        let address: IPAddress
        let came: ContinuousClock.Instant
    }

    /// Why a peer may not connect; `nil` where it may.
    ///
    /// - Parameters:
    ///   - peer: its address.
    ///   - local: the address that it has dialled.
    ///   - clients: how many count as clients now.
    func refusal(of peer: IPAddress, at local: IPAddress?, clients: Int) -> String? {
        let isThisMachine = peer.isLoopback || peer == local
        if !isThisMachine, !allow.contains(where: { $0.contains(peer) }) { return "is not allowed" }
        return refusal(clients: clients)
    }

    /// Why nobody more may become a client; `nil` where somebody may.
    func refusal(clients: Int) -> String? {
        clients >= maxClients ? "is one more than \(maxClients) clients" : nil
    }

    /// Why a handshake may not go on; `nil` where it may.
    func refusal(of handshake: Handshake, at now: ContinuousClock.Instant) -> String? {
        now - handshake.came > Self.handshakeDeadline
            ? "did not finish its handshake within \(Self.handshakeDeadline.components.seconds) s" : nil
    }

    /// The handshake that ends because another one comes: the oldest of that address, or of the address that has most.
    ///
    /// - Parameters:
    ///   - pending: the handshakes that are under way.
    ///   - peer: who comes.
    /// - Returns: `nil` where there is room.
    func victim(of pending: [Handshake], for peer: IPAddress) -> Handshake? {
        let byAddress = Dictionary(grouping: pending, by: \.address)
        let crowd: [Handshake]?
        if let own = byAddress[peer], own.count >= Self.handshakesPerAddress {
            crowd = own
        } else if pending.count >= Self.handshakes {
            crowd = byAddress.values.max { $0.count < $1.count }
        } else {
            crowd = nil
        }
        return crowd?.min { $0.came < $1.came }
    }
}
