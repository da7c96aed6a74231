import Core
import FoundationEssentials
import Glibc
import Platform
import TestSupport
import Testing

@testable import Ports

/// What is told of the ports, whatever lies in their directory, and what is released.
@Suite struct PortStatusTests {
    private func report(_ port: UInt16, pid: Int32 = 1, name: String = "x") -> LeaseReport {
        LeaseReport(
            port: port, service: "nbd", name: name, source: "/x", readOnly: true, uri: "nbd://127.0.0.1:\(port)/x",
            bind: "127.0.0.1:\(port)", allow: [], tls: .off, pskFile: nil, pid: pid, state: "listening",
            startedAt: Date(timeIntervalSince1970: 0))
    }

    /// Starts a process that holds the lock, the listening socket and the description, which nobody else holds then.
    private func hold(_ bench: PortsBench, _ port: UInt16, _ description: [UInt8]) throws -> Holder {
        let leased = try LeasedListener.take(port, on: bench.address, in: bench.store)
        Workbench.write(description, to: "\(bench.files)/\(port).json")
        let file = try bench.open("\(port).json", O_RDONLY)
        defer { close(file) }
        return try bench.holder([
            .init(leased.lease.lock, as: 3), .init(leased.listener.descriptor, as: 4), .init(file, as: 5),
        ])
    }

    /// A process that holds all that a gate does, with this description of its lease, while the body runs.
    private func withImpostor(
        _ bench: PortsBench, port: UInt16 = 2000, description: [UInt8],
        _ body: (Holder) async throws -> Void
    ) async throws {
        let holder = try hold(bench, port, description)
        try await body(holder)
        holder.end()
    }

    private static func encoded(_ report: LeaseReport) throws -> [UInt8] { [UInt8](try JSON.encode(report)) }

    @Test func aGateIsKnownByWhatItHoldsOpen() async throws {
        try await PortsBench.with { bench in
            // The number in the description is another's; the process that holds it is the gate.
            try await withImpostor(bench, description: try Self.encoded(report(2000, pid: 1))) { holder in
                let row = try bench.row(2000)
                #expect(row.state == .leased && row.lease?.service.pid == holder.pid)
                #expect(row.lease?.traffic == nil)
                #expect(GateProcess(getpid(), port: 2000, bench.store) == nil)
                #expect(GateProcess(holder.pid, port: 2001, bench.store) == nil)
            }
            #expect(try bench.row(2000).state == .free)
        }
    }

    @Test func itsFilesMayBeGone() async throws {
        try await PortsBench.with { bench in
            try await withImpostor(bench, description: try Self.encoded(report(2000))) { holder in
                unlink(bench.files + "/2000.json")
                unlink(bench.files + "/2000.lock")
                let row = try bench.row(2000)
                #expect(row.lease?.service.pid == holder.pid)
            }
        }
    }

    @Test(arguments: [
        "", "{", "null", "[]", "{\"schema\":\"scout.serve/2\"}", "{\"schema\":\"scout.serve/1\",\"port\":2000}",
        String(repeating: "[", count: 1000), "{\"port\":1e999,\"pid\":99999999999999,\"schema\":\"scout.serve/1\"}",
        "\u{0}\u{FFFD}", "{\"error\":{\"code\":\"busy\",\"message\":\"x\"}}",
    ])
    func aHostileDescriptionIsNoLease(text: String) async throws {
        try await PortsBench.with { bench in
            try await withImpostor(bench, description: Array(text.utf8)) { holder in
                let row = try bench.row(2000)
                #expect(row.state == .foreign && row.process?.pid == holder.pid && row.process?.name == "sleep")
                // Nor is whoever holds it ended.
                let error = scoutError { _ = try bench.status.release(.port(2000)) }
                #expect(error?.code == .refused && error?.message.contains("pid \(holder.pid)") == true)
                #expect(isAlive(holder.pid))
            }
        }
    }

    @Test func theDescriptionOfAnotherPortIsNoLease() async throws {
        try await PortsBench.with { bench in
            try await withImpostor(bench, description: try Self.encoded(report(2001))) { _ in
                let row = try bench.row(2000)
                #expect(row.state == .foreign)
            }
        }
    }

    @Test func aDescriptionWithAnEndlessNameIsNoLease() async throws {
        try await PortsBench.with { bench in
            for name in ["../../etc", "", String(repeating: "n", count: 65), "a b", "\u{202E}x"] {
                let description = try Self.encoded(report(2000, name: name))
                try await withImpostor(bench, description: description) { _ in
                    let row = try bench.row(2000)
                    #expect(row.state == .foreign, "\(name)")
                }
            }
        }
    }

    @Test func withoutTheLockNobodyIsAGate() async throws {
        try await PortsBench.with { bench in
            let listener = try PortListener(2000, on: bench.address)
            Workbench.write(try Self.encoded(report(2000)), to: bench.files + "/2000.json")
            Workbench.write([], to: bench.files + "/2000.lock")
            let file = try bench.open("2000.json", O_RDONLY)
            let lock = try bench.open("2000.lock")
            let holder = try bench.holder([
                .init(lock, as: 3), .init(listener.descriptor, as: 4), .init(file, as: 5),
            ])
            #expect(try bench.row(2000).state == .foreign)
            #expect(GateProcess(holder.pid, port: 2000, bench.store) == nil)
            for descriptor in [file, lock] { close(descriptor) }
        }
    }

    @Test func rowsAreInOrderAndSayWhoIsThere() async throws {
        try await PortsBench.with { bench in
            let foreign = try PortListener(2004, on: bench.address)
            let lease = try bench.serve { $0.port = 2007 }
            let report = bench.status.report()
            #expect(report.container == bench.bench.address && report.ports.map(\.port) == Array(2000...2009))
            #expect(report.ports.filter { $0.state != .free }.map(\.port) == [foreign.port, lease.port])
            #expect(report.ports[4].process?.pid == getpid())
            #expect(report.ports[4].holder.contains("(pid \(getpid()))") && report.ports[7].holder == "2007 evidence0")
            #expect(bench.status.row(80) == nil && bench.status.row(2004)?.state == .foreign)
        }
    }

    // MARK: - Release

    @Test func byNameByPortAndAll() async throws {
        try await PortsBench.with { bench in
            for port: UInt16 in [2001, 2002, 2003, 2004] {
                _ = try bench.serve {
                    $0.port = port
                    $0.name = "disk\(port)"
                }
            }
            #expect(try bench.status.release(.name("disk2002")).released.map(\.port) == [2002])
            #expect(try bench.status.release(.port(2004)).released.map(\.name) == ["disk2004"])
            #expect(bench.status.report().ports.filter { $0.state == .leased }.map(\.port) == [2001, 2003])
            #expect(try bench.status.release(.all).released.map(\.port) == [2001, 2003])
            #expect(bench.status.report().ports.allSatisfy { $0.state == .free })
            #expect(try bench.status.release(.all).released.isEmpty)
            #expect(bench.store.directory.names().isEmpty)
        }
    }

    @Test func aNameThatIsANumberMeansTheServiceWhereThePortHasNone() async throws {
        try await PortsBench.with { bench in
            _ = try bench.serve {
                $0.port = 2001
                $0.name = "2005"
            }
            let foreign = try PortListener(2005, on: bench.address)
            #expect(try bench.status.release(.port(2005)).released.map(\.port) == [2001])
            #expect(foreign.port == 2005)
        }
    }

    @Test func whatIsAmbiguousOrUnknownIsNotReleased() async throws {
        try await PortsBench.with { bench in
            for port: UInt16 in [2001, 2002] {
                _ = try bench.serve {
                    $0.port = port
                    $0.name = port == 2001 ? "2002" : "disk"
                }
            }
            let both = scoutError { _ = try bench.status.release(.port(2002)) }
            #expect(both?.code == .usage && both?.message.contains("2001 2002, 2002 disk") == true)
            let ghost = scoutError { _ = try bench.status.release(.name("ghost")) }
            #expect(ghost?.code == .usage && ghost?.hint == "leased: 2001 2002, 2002 disk")
            let free = scoutError { _ = try bench.status.release(.port(2000)) }
            #expect(free?.code == .usage && free?.message == "port 2000 is not leased")
            #expect(bench.status.report().ports.count { $0.state == .leased } == 2)
        }
    }

    @Test func oneThatDoesNotAnswerIsEnded() async throws {
        try await PortsBench.with { bench in
            try await withImpostor(bench, description: try Self.encoded(report(2000))) { holder in
                let released = try bench.status.release(.name("x")).released
                #expect(released.map(\.pid) == [holder.pid])
                #expect(!isAlive(holder.pid))
                #expect(try bench.row(2000).state == .free)
            }
        }
    }

    @Test func oneThatIsStoppedIsKilled() async throws {
        try await PortsBench.with { bench in
            let lease = try bench.serve()
            kill(lease.pid, SIGSTOP)
            let start = ContinuousClock.now
            #expect(try bench.status.release(.port(lease.port)).released.map(\.pid) == [lease.pid])
            #expect(ContinuousClock.now - start < .seconds(8))
            #expect(!isAlive(lease.pid))
        }
    }

    // MARK: - Sweeping

    @Test func onlyWhatTheDeadHaveLeftIsSwept() async throws {
        try await PortsBench.with { bench in
            let held = try Lease.take(2003, in: bench.store)
            for port in [2000, 2003, 2011] {
                Workbench.write([1], to: "\(bench.files)/\(port).psk")
            }
            let listener = try PortListener(2002, on: bench.address)
            Workbench.write([1], to: "\(bench.files)/2002.psk")
            Workbench.write([1], to: "\(bench.files)/notes")
            #expect(bench.status.report().ports.count == 10)
            #expect(
                bench.store.directory.names().sorted()
                    == ["2002.psk", "2003.lock", "2003.psk", "2011.psk", "notes"])
            #expect(held.port == 2003 && listener.port == 2002)
        }
    }
}
