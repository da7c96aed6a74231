import Core
import Platform
import Testing

@Suite struct TopologyTests {
    private func interface(_ name: String, _ address: String) throws -> NetworkInterface {
        NetworkInterface(name: name, address: try #require(IPAddress(address)))
    }

    @Test func theDocumentsNetworkIsTheDefault() {
        let topology = Topology.documented
        #expect(topology.hostVPNAddress == "10.1.0.2")
        #expect(topology.containerAddress == "10.0.3.2")
        #expect(topology.reservedPorts == 2000...2009)
        #expect(Topology.presets.first == topology)
    }

    @Test func theContainersAddressNamesItsNetwork() throws {
        let lo = try interface("lo", "127.0.0.1")
        #expect(Topology.detect(on: [lo]) == nil)
        #expect(Topology.detect(on: [lo, try interface("eth0", "10.0.3.2")]) == .documented)
        #expect(Topology.detect(on: [lo, try interface("host0", "10.3.0.2")]) == .since2021)
        #expect(Topology.detect(on: [lo, try interface("ve-container", "10.3.0.1")]) == .since2021)
    }

    @Test func aZoneStandsInAURIAsTheStandardHasIt() {
        #expect(
            Topology.exportURI(host: "fe80::1%ve-container", port: 2000, name: "e", user: "scout")
                == "nbds://scout@[fe80::1%25ve-container]:2000/e")
        #expect(Topology.exportURI(host: "::1", port: 2000, name: "e", user: nil) == "nbd://[::1]:2000/e")
    }
}
