import Core
import FoundationEssentials
import Host
import Platform
import Testing

@testable import scout

/// Each report as text, for people and for programs, from payloads that no machine has made.
@Suite struct ReportTextTests {
    private let evidence = EvidenceReport(devices: [
        .init(
            name: "evidence0", path: "/dev/host/evidence0", sizeBytes: 64 << 20, readOnly: true,
            partitions: [.init(number: 1, startBytes: 1 << 20, sizeBytes: 1 << 20, type: "0x83")],
            exportedOn: [2000, 2001]),
        .init(
            name: "e\u{1B}[2J", path: "/x", sizeBytes: 0, readOnly: false, partitions: [], exportedOn: [],
            reason: "it does not answer"),
    ])

    @Test func evidenceIsARowForEachDeviceAndPartition() {
        #expect(
            evidence.page(style: .plain).text == """
                evidence0\t67108864\tread-only\t-\t-\t-\t2000,2001
                evidence0\t1048576\t-\t1\t1048576\t0x83\t-
                e\\u{1B}[2J\t-\tnot known\t-\t-\tit does not answer\t-

                """)
        let human = evidence.page(style: .human).text.split(separator: "\n")
        #expect(human.count == 4 && human[0].hasPrefix("NAME") && human[1].contains("64.0 MiB"))
    }

    private func lease(readOnly: Bool = true, allow: [CIDR] = [], key: String? = nil) -> LeaseReport {
        LeaseReport(
            port: 2003, service: "nbd", name: "evidence0", source: "/dev/host/evidence0", readOnly: readOnly,
            uri: "nbd://h:2003/evidence0", bind: "b:2003", allow: allow, tls: .off, pskFile: key, pid: 7,
            state: "listening", startedAt: Date(timeIntervalSince1970: 0))
    }

    @Test func portsAreARowEach() {
        var traffic = PortsReport.Traffic()
        traffic.bytesSent = 3 << 20
        traffic.clients = [.init(address: "127.0.0.9", since: Date(timeIntervalSince1970: 0))]
        let report = PortsReport(
            container: "127.0.0.1",
            ports: [
                .init(port: 2000, state: .free), .init(port: 2001, state: .foreign, process: .init(pid: 9, name: "nc")),
                .init(port: 2002, state: .leased, lease: .init(service: lease(), traffic: nil)),
                .init(port: 2003, state: .leased, lease: .init(service: lease(), traffic: traffic)),
            ])
        #expect(
            report.page(style: .plain).text == """
                2000\tfree\t-\t-\t-\t-\t-
                2001\tforeign\tnc (pid 9)\t-\t-\t-\t-
                2002\tleased\tevidence0\t/dev/host/evidence0\t-\t?\t?
                2003\tleased\tevidence0\t/dev/host/evidence0\t-\t127.0.0.9\t3145728

                """)
        #expect(report.page(style: .human).text.contains("3.0 MiB"))
    }

    @Test func aServiceSaysWhatForWhomAndWhere() throws {
        let network = try #require(CIDR("127.0.0.0/8"))
        #expect(
            lease().page.text
                == "/dev/host/evidence0 on port 2003, read-only, for the container itself\nnbd://h:2003/evidence0\n")
        let open = lease(readOnly: false, allow: [network], key: "/run/2003.psk").page.text
        #expect(open.contains("WRITABLE, for 127.0.0.0/8\n") && open.hasSuffix("key file: /run/2003.psk\n"))
        #expect(ReleaseReport(released: [lease()]).page.text == "released 2003 evidence0\n")
        #expect(ReleaseReport(released: []).page.text.isEmpty)
    }

    @Test func digestsStandInOneOrder() {
        let report = HashReport(path: "/e", sizeBytes: 0, hashes: ["sha256": "bb", "md5": "aa"])
        #expect(report.page.text == "MD5      aa  /e\nSHA-256  bb  /e\n")
    }

    @Test func forwardsHaveALineOnTheLinksForPeopleOnly() {
        let report = ForwardsReport(
            source: .probe, checkedAt: Date(timeIntervalSince1970: 0),
            vpn: .init(up: nil, interface: "tap0", address: "127.0.0.1"), lan: .init(enabled: true),
            hostControl: .init(enabled: false, port: 23),
            forwards: [
                .init(
                    port: 2000, proto: "tcp", to: "c:2000", vpn: .closed, lan: .unknown, packets: 1, bytes: 2,
                    reason: "no rule")
            ],
            exposures: [.init(severity: .critical, summary: "all is open")])
        #expect(
            report.page(style: .plain).text
                == "2000\tc:2000\tclosed\tunknown\t1\tno rule\nexposure\tcritical\tall is open\n")
        let human = report.page(style: .human).text
        #expect(human.contains("VPN not known (tap0, 127.0.0.1); local network LET IN; host control off"))
        #expect(human.hasSuffix("\ncritical: all is open\n"))
    }

    @Test(arguments: [
        (#""name":"lan","enabled":false,"rulesAreInForce":true"#, "access from the local network is off\n"),
        (
            #""name":"control","enabled":true,"rulesAreInForce":true,"port":23,"isListening":false"#,
            "host control is on, but nothing listens on port 23\n"
        ),
        (
            #""name":"lan","enabled":false,"rulesAreInForce":false,"rulesLetIn":true"#,
            "access from the local network is off\n"
                + "but the kernel has other rules, which LET the local network IN: scout host forwarding apply\n"
        ),
    ])
    func aSwitchSaysHowItIsSetAndWhatTheRulesMakeOfIt(fields: String, text: String) throws {
        let json =
            "{\"schema\":\"scout.host-switch/1\",\(fields),\"changed\":false,\"endedSessions\":0,\"problems\":[]}"
        let report = try JSON.decoder().decode(HostSwitchReport.self, from: Data(json.utf8))
        #expect(report.page.text == text)
    }

    @Test(
        arguments: [
            (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (64 << 20, "64.0 MiB"), (1 << 50, "1.0 PiB"),
            (Int64.max, "8192.0 PiB"),
        ] as [(Int64, String)])
    func sizesHaveAUnitForPeople(bytes: Int64, text: String) {
        #expect(Quantity.size(bytes) == text && Quantity.size(bytes, style: .plain) == "\(bytes)")
    }
}
