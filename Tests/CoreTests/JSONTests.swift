import Core
import FoundationEssentials
import Testing

/// The contract's keys, typed here once more, so that a renamed property fails.
@Suite struct JSONTests {
    private func keys(_ report: some Report) throws -> Set<String> {
        let text = String(decoding: try JSON.encode(report), as: UTF8.self)
        let top = text.split(separator: "\n").filter { $0.hasPrefix("  \"") }
        return Set(top.compactMap { $0.split(separator: "\"").dropFirst().first.map(String.init) })
    }

    private var lease: LeaseReport {
        LeaseReport(
            port: 2003, service: "nbd", name: "evidence0", source: "/dev/host/evidence0", readOnly: true,
            uri: "nbd://h:2003/evidence0", bind: "b:2003", allow: [], tls: .off, pskFile: nil, pid: 7,
            state: "listening", startedAt: Date(timeIntervalSince1970: 0))
    }

    @Test func serveHasTheContractsKeys() throws {
        let expected: Set = [
            "schema", "port", "service", "name", "source", "readOnly", "uri", "bind", "allow", "tls", "pid", "state",
            "startedAt",
        ]
        #expect(try keys(lease) == expected)
    }

    @Test func leaseInPortsAddsTheTraffic() throws {
        var traffic = PortsReport.Traffic()
        traffic.bytesSent = 9
        let row = PortsReport.Row(port: 2003, state: .leased, lease: .init(service: lease, traffic: traffic))
        let report = PortsReport(container: "127.0.0.1", ports: [row])
        let data = try JSON.encode(report)
        let text = String(decoding: data, as: UTF8.self)
        for key in ["connections", "clients", "bytesSent", "bytesReceived", "uri", "startedAt"] {
            #expect(text.contains("\"\(key)\""))
        }
        #expect(text.contains("1970-01-01T00:00:00Z"))
        #expect(try JSON.decode(PortsReport.self, from: data) == report)
    }

    @Test func errorComesBackAsItself() throws {
        let error = ScoutError(.busy, "all ports are taken", hint: "scout release PORT")
        #expect(throws: error) { try JSON.decode(PortsReport.self, from: JSON.encode(error)) }
    }

    @Test(arguments: ["", "[]", "hello", "{\"schema\":\"scout.other/1\"}", "{\"schema\":\"scout.ports/1\"}"])
    func anyOtherAnswerIsAProtocolError(text: String) {
        let error = #expect(throws: ScoutError.self) { try JSON.decode(PortsReport.self, from: Data(text.utf8)) }
        #expect(error?.code == .protocolViolation)
    }

    @Test func exitStatusesAreTheContracts() {
        let expected: [ScoutError.Code: Int32] = [
            .failed: 1, .usage: 64, .badData: 65, .noSource: 66, .unreachable: 69, .cannotCreate: 73, .io: 74,
            .busy: 75, .protocolViolation: 76, .refused: 77, .interrupted: 130,
        ]
        #expect(Dictionary(uniqueKeysWithValues: ScoutError.Code.allCases.map { ($0, $0.exitStatus) }) == expected)
    }
}
