import Core
import Platform
import Testing

@testable import Ports

/// Who may connect to a gate, and who has to make room.
@Suite struct GateGuardTests {
    private let entrance = GateGuard(allow: [CIDR("10.1.0.0/24"), CIDR("fd00::9")].compactMap { $0 }, maxClients: 2)

    private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

    @Test(arguments: [
        ("10.1.0.3", "10.0.3.2", nil), ("10.1.1.3", "10.0.3.2", "is not allowed"), ("127.0.0.1", "127.0.0.1", nil),
        ("::1", "::1", nil), ("10.0.3.2", "10.0.3.2", nil), ("10.0.3.1", "10.0.3.2", "is not allowed"),
        ("fd00::9", "fd00::1", nil), ("fd00::8", "fd00::1", "is not allowed"),
    ])
    func theAllowedAndTheMachineItselfMayConnect(peer: String, local: String, refusal: String?) throws {
        #expect(entrance.refusal(of: try address(peer), at: try address(local), clients: 0) == refusal)
        // Without an address of ours nobody is this machine.
        #expect(entrance.refusal(of: try address("10.0.3.2"), at: nil, clients: 0) == "is not allowed")
    }

    @Test func nobodyIsAllowedWhereNobodyIsNamed() throws {
        let closed = GateGuard(allow: [], maxClients: 2)
        #expect(closed.refusal(of: try address("10.1.0.3"), at: nil, clients: 0) == "is not allowed")
        #expect(closed.refusal(of: try address("127.0.0.9"), at: nil, clients: 0) == nil)
    }

    @Test func asManyClientsAsMayBeAreLetIn() throws {
        let peer = try address("10.1.0.3")
        #expect(entrance.refusal(of: peer, at: nil, clients: 1) == nil)
        #expect(entrance.refusal(of: peer, at: nil, clients: 2) == "is one more than 2 clients")
        #expect(entrance.refusal(clients: 1) == nil)
        #expect(entrance.refusal(clients: 2) == "is one more than 2 clients")
    }

    @Test func aHandshakeHasItsTime() throws {
        let began = ContinuousClock.now
        let handshake = GateGuard.Handshake(pid: 1, address: try address("10.1.0.3"), came: began)
        #expect(entrance.refusal(of: handshake, at: began + GateGuard.handshakeDeadline) == nil)
        let late = began + GateGuard.handshakeDeadline + .milliseconds(1)
        #expect(entrance.refusal(of: handshake, at: late) == "did not finish its handshake within 15 s")
    }

    private func handshakes(_ counts: [(String, Int)]) throws -> [GateGuard.Handshake] {
        let start = ContinuousClock.now
        var found: [GateGuard.Handshake] = []
        for (text, count) in counts {
            for _ in 0..<count {
                let number = found.count
                found.append(
                    GateGuard.Handshake(pid: Int32(number), address: try address(text), came: start + .seconds(number)))
            }
        }
        return found
    }

    @Test func anAddressMakesRoomForItself() throws {
        let full = try handshakes([("10.1.0.3", 3), ("10.1.0.4", 16)])
        #expect(entrance.victim(of: full.reversed(), for: try address("10.1.0.4"))?.pid == 3)
        #expect(entrance.victim(of: full, for: try address("10.1.0.3")) == nil)
        #expect(entrance.victim(of: Array(full.dropLast()), for: try address("10.1.0.4")) == nil)
    }

    @Test func whoHasMostMakesRoomForOthers() throws {
        let full = try handshakes([
            ("10.1.0.3", 12), ("10.1.0.4", 14), ("10.1.0.5", 13), ("10.1.0.6", 13), ("10.1.0.7", 12),
        ])
        #expect(full.count == GateGuard.handshakes)
        #expect(entrance.victim(of: full.reversed(), for: try address("10.1.0.9"))?.pid == 12)
        #expect(entrance.victim(of: Array(full.dropLast()), for: try address("10.1.0.9")) == nil)
    }
}
