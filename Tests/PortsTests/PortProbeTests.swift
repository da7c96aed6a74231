import Core
import FoundationEssentials
import Glibc
import Platform
import TestSupport
import Testing

@testable import Ports

/// The probe that proves a way to a port.
@Suite struct PortProbeTests {
    private func probe(_ bench: PortsBench, _ ports: [UInt16]) throws -> PortProbe {
        try PortProbe(ports, nonce: "abc", topology: bench.topology, paths: bench.paths)
    }

    /// What a port says to a caller; empty where nobody listens.
    private func greeting(_ bench: PortsBench, _ port: UInt16) -> String {
        let socket = Glibc.socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        guard bench.address.withSocketAddress(port: port, { connect(socket, $0, $1) }) == 0 else { return "" }
        var bytes = [UInt8](repeating: 0, count: 100)
        let count = recv(socket, &bytes, bytes.count, CInt(MSG_WAITALL))
        return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
    }

    @Test func whoCallsReadsTheNonceAndThePort() async throws {
        try await PortsBench.with { bench in
            let stop = try PipeEnds()
            let (store, topology, paths) = (bench.store, bench.topology, bench.paths)
            let work = Task.detached {
                let probe = try PortProbe([2000, 2345], nonce: "abc", topology: topology, paths: paths)
                probe.run(until: stop.read)
                return probe.report
            }
            try await eventually("it listens", within: .seconds(5)) { greeting(bench, 2345) != "" }
            for port: UInt16 in [2000, 2345] {
                #expect(greeting(bench, port) == ProbeReport.greeting(nonce: "abc", port: port))
            }
            // Nobody else gets the port meanwhile.
            #expect((try? Lease.take(2000, in: store)) == nil)
            close(stop.write)
            #expect(try await work.value.ports.map(\.state) == [.probing, .probing])
            close(stop.read)
            #expect(greeting(bench, 2000) == "" && greeting(bench, 2345) == "")
            #expect(store.directory.names().isEmpty)
        }
    }

    @Test func whoHoldsAPortIsTold() async throws {
        try await PortsBench.with { bench in
            let lease = try bench.serve { $0.port = 2001 }
            let foreign = try (2002...2003).map { try PortListener(UInt16($0), on: bench.address) }
            let rows = try probe(bench, [2001, 2002, 2004]).report.ports
            #expect(rows.map(\.port) == [2001, 2002, 2004] && rows.map(\.state) == [.leased, .foreign, .probing])
            #expect(rows[0].lease?.service.pid == lease.pid)
            #expect(rows[1].process?.pid == getpid() && foreign.count == 2)
        }
    }

    @Test func aLeaseThatIsInTheMakingIsNotProbed() async throws {
        try await PortsBench.with { bench in
            let lease = try Lease.take(2000, in: bench.store)
            #expect(try probe(bench, [lease.port]).report.ports.map(\.state) == [.failed])
        }
    }

    @Test func aForgottenProbeGivesItsPortsBack() async throws {
        try await PortsBench.with { bench in
            let states = try probe(bench, [2000]).report.ports.map(\.state)
            #expect(states == [.probing])
            #expect(bench.store.directory.names().isEmpty)
            let again = try LeasedListener.take(2000, on: bench.address, in: bench.store)
            #expect(again.lease.port == 2000)
        }
    }
}
