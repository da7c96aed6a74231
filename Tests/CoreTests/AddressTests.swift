import Core
import Testing

@Suite struct AddressTests {
    @Test(
        arguments: [
            ("10.1.0.2", nil, "10.1.0.2", nil), ("root@10.1.0.2", "root", "10.1.0.2", nil),
            ("root@scout.example:2222", "root", "scout.example", 2222), ("fe80::1", nil, "fe80::1", nil),
            ("me@[fe80::1%tap0]:22", "me", "fe80::1%tap0", 22), ("a@b@host", "a@b", "host", nil),
        ] as [(String, String?, String, UInt16?)])
    func readsUserHostAndPort(text: String, user: String?, host: String, port: UInt16?) throws {
        let address = try #require(Address(text))
        #expect(address.user == user)
        #expect(address.host == host)
        #expect(address.port == port)
        #expect(Address(address.description) == address)
    }

    @Test(arguments: [
        "", "@host", "host:", "host:0", "host:65536", "host:ssh", "[::1", "[::1]x", "-oProxy", "a b", "h;ls",
    ])
    func refusesWhatIsNoAddress(text: String) {
        #expect(Address(text) == nil)
    }
}
