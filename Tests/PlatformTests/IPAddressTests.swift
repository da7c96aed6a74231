import Platform
import Glibc
import Testing

@Suite struct IPAddressTests {
    @Test(arguments: [
        ("10.1.0.3", "10.1.0.0/24", true), ("10.1.1.3", "10.1.0.0/24", false), ("10.1.0.3", "10.1.0.3", true),
        ("10.1.0.4", "10.1.0.3", false), ("10.1.0.4", "0.0.0.0/0", true), ("::1", "0.0.0.0/0", false),
        ("fe80::1", "fe80::/10", true), ("fec0::1", "fe80::/10", false), ("10.1.0.127", "10.1.0.0/25", true),
        ("10.1.0.128", "10.1.0.0/25", false),
    ])
    func networkContainsItsAddressesOnly(address: String, network: String, expected: Bool) throws {
        let address = try #require(IPAddress(address))
        let network = try #require(CIDR(network))
        #expect(network.contains(address) == expected)
    }

    @Test func mappedAddressIsTheIPv4AddressItStandsFor() {
        #expect(IPAddress("::ffff:10.1.0.3") == IPAddress("10.1.0.3"))
        #expect(IPAddress("::ffff:127.0.0.1")?.isLoopback == true)
    }

    @Test(arguments: ["", "10.1.0", "10.1.0.0/33", "10.1.0.0/-1", "10.1.0.0/", "/8", "host", "fe80::/129", "1.2.3.4/x"])
    func anythingElseIsNoNetwork(text: String) {
        #expect(CIDR(text) == nil)
    }

    @Test(arguments: ["10.1.0.3", "fe80::1", "10.1.0.0/24", "::1"])
    func descriptionReadsBack(text: String) {
        #expect(CIDR(text)?.description == text)
    }

    @Test func aZoneIsKeptAndIsNoPartOfTheAddress() throws {
        let address = try #require(IPAddress("fe80::1%lo"))
        #expect(address.description == "fe80::1%lo")
        #expect(address == IPAddress("fe80::1") && address.isLinkLocal)
        #expect(address.zoneIndex == if_nametoindex("lo") && address.zoneIndex != 0)
        let scope = address.withSocketAddress(port: 1) { pointer, _ in
            UnsafeRawPointer(pointer).loadUnaligned(as: sockaddr_in6.self).sin6_scope_id
        }
        #expect(scope == address.zoneIndex)
        let read = address.withSocketAddress(port: 1) { pointer, _ in IPAddress(pointer) }
        #expect(read?.description == "fe80::1%lo")
        #expect(IPAddress("fe80::1%nothing-here")?.zoneIndex == 0)
        #expect(CIDR("fe80::1%lo")?.description == "fe80::1")
    }

    @Test(arguments: ["fe80::1%", "127.0.0.1%lo", "%lo"])
    func aZoneOfNothingIsNoAddress(text: String) {
        #expect(IPAddress(text) == nil)
    }
}
