import NBD
import Testing

@Suite struct URITests {
    @Test func readsEveryPartOfATCPAddress() throws {
        let uri = try NBDURI("nbds://alice@127.0.0.1:2003/disk%201?tls-psk-file=/run/keys%2Fk")
        #expect(uri.transport == .tcp(host: "127.0.0.1", port: 2003))
        #expect(uri.requiresTLS)
        #expect(uri.user == "alice")
        #expect(uri.exportName == "disk 1")
        #expect(uri.pskFile == "/run/keys/k")
        #expect(uri.withoutQuery == "nbds://alice@127.0.0.1:2003/disk%201")
    }

    @Test func knowsDefaultsAndOtherTransports() throws {
        #expect(try NBDURI("nbd://host").transport == .tcp(host: "host", port: 10809))
        #expect(try NBDURI("nbd://[::1]:5/x").transport == .tcp(host: "::1", port: 5))
        #expect(try NBDURI("nbd+unix:///x?socket=/tmp/s").transport == .unix(path: "/tmp/s"))
        #expect(try NBDURI("nbd+unix:///x?socket=/tmp/s").exportName == "x")
        #expect(try NBDURI("nbds+unix:///?socket=/tmp/s").requiresTLS)
        #expect(try !NBDURI("nbd://host/").requiresTLS)
    }

    /// Whatever two readers could take for two different hosts is refused.
    @Test(arguments: [
        "", "http://host/", "nbd:host", "nbd://", "nbd:///x", "nbd://a@b@c/", "nbd://127.0.0.1\\@evil/",
        "nbd://host:/", "nbd://host:0/", "nbd://host:70000/", "nbd://host:+1/", "nbd://ho st/", "nbd://%31%32/",
        "nbd://host/?socket=/tmp/s", "nbd+unix:///x", "nbd+unix://host/x?socket=/s", "nbd://[::1/", "nbd://[evil]/",
        "nbd://host/x#y", "nbd://host/%zz", "nbd://host/%00", "nbd://host/?tls-certificates=/etc", "NBD://host/",
        "nbd://[fe80::1%eth0]/", "nbd://[fe80::1%25]/", "nbd://[fe80::1%25a%20b]/", "nbd://[%25eth0/",
        "nbd+unix:///?socket=/a&socket=/b", "nbd+unix:///?socket=/a;socket=/b",
    ])
    func refusesWhatIsNotPlain(text: String) {
        #expect { try NBDURI(text) } throws: { ($0 as? NBDError)?.kind == .usage }
    }

    @Test func aZoneIsWrittenWithItsPercentSignEscaped() throws {
        let uri = try NBDURI("nbd://[fe80::1%25ve-container]:2000/x")
        #expect(uri.transport == .tcp(host: "fe80::1%ve-container", port: 2000))
    }
}
