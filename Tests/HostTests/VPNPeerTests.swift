@testable import Host
import Testing

@Suite struct VPNPeerTests {
    @Test func wireGuardTellsWhenItsPeerWasLastHeard() {
        #expect(VPNPeer.wireGuard("KEY=\t1000\n", now: 1100) == nil)
        #expect(VPNPeer.wireGuard("KEY=\t1000\nOTHER=\t2000\n", now: 2100) == nil)
        #expect(VPNPeer.wireGuard("KEY=\t1000\n", now: 1400)?.contains("400 s") == true)
        #expect(VPNPeer.wireGuard("KEY=\t0\n", now: 1400)?.contains("never") == true)
        #expect(VPNPeer.wireGuard("", now: 1400)?.contains("no peer") == true)
    }
}
