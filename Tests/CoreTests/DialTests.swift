import Core
import Glibc
import Platform
import Testing

@Suite(.serialized) struct DialTests {
    @Test func aFenceTrapsEveryOtherAddress() {
        setenv("SCOUT_DIAL_ONLY", "127.0.0.0/8,::1", 1)
        for host in ["10.1.0.2", "scout.example", "fe80::1"] {
            let error = #expect(throws: ScoutError.self) { try Dial.tcp(host: host, port: 22, deadline: .seconds(1)) }
            #expect(error?.code == .refused)
        }
        #expect(throws: Never.self) { try Dial.permit("127.9.9.9") }
        #expect(throws: Never.self) { try Dial.permit("localhost") }
    }

    @Test func aRefusedConnectionSaysSo() throws {
        setenv("SCOUT_DIAL_ONLY", "127.0.0.0/8,::1", 1)
        let error = #expect(throws: ScoutError.self) {
            try Dial.tcp(host: "127.0.0.1", port: 1, deadline: .seconds(1))
        }
        #expect(error?.code == .unreachable)
        #expect(error?.message.contains("nothing listens") == true)
    }

    @Test func aSilentPeerEndsAtTheDeadline() throws {
        setenv("SCOUT_DIAL_ONLY", "127.0.0.0/8,::1", 1)
        let listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        let host = try #require(IPAddress("127.83.1.1"))
        #expect(host.withSocketAddress(port: 0) { bind(listener, $0, $1) } == 0)
        #expect(listen(listener, 0) == 0)
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(listener, $0, &size) }
        }
        // A full queue: the kernel drops what comes next, as a firewall would.
        var queued: [CInt] = []
        defer { for descriptor in queued { close(descriptor) } }
        let start = ContinuousClock.now
        var failure: ScoutError?
        for _ in 0..<8 where failure == nil {
            do {
                queued.append(
                    try Dial.tcp(
                        host: "127.83.1.1", port: UInt16(bigEndian: address.sin_port), deadline: .milliseconds(400)))
            } catch {
                failure = error
            }
        }
        #expect(failure?.code == .unreachable)
        #expect(failure?.message.contains("did not answer") == true)
        #expect(ContinuousClock.now - start < .seconds(3))
    }

    @Test(arguments: ["fe80::1", "fe80::1%nothing-here"])
    func aLinkLocalAddressNeedsAnInterfaceThatThereIs(host: String) throws {
        setenv("SCOUT_DIAL_ONLY", "127.0.0.0/8,::1,fe80::/10", 1)
        defer { setenv("SCOUT_DIAL_ONLY", "127.0.0.0/8,::1", 1) }
        let error = #expect(throws: ScoutError.self) { try Dial.tcp(host: host, port: 1, deadline: .seconds(1)) }
        #expect(error?.code == .unreachable && error?.message.contains("interface") == true)
        #expect(error?.hint?.contains("ip -6 address") == true)
    }
}
