import Core
import FoundationEssentials
import Glibc
import NBD
import Platform
import TestSupport
import Testing

@testable import Ports

/// A gate at work, with clients of libnbd's on it.
@Suite struct GateTests {
    /// A connected socket to a gate.
    private func dial(_ bench: PortsBench, _ lease: LeaseReport) throws -> CInt {
        let socket = Glibc.socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        try #require(bench.address.withSocketAddress(port: lease.port) { connect(socket, $0, $1) } == 0)
        return socket
    }

    private func client(_ bench: PortsBench, _ lease: LeaseReport) throws -> Connection {
        try Connection(socket: dial(bench, lease), exportName: lease.name)
    }

    private func traffic(_ bench: PortsBench, _ lease: LeaseReport) throws -> PortsReport.Traffic {
        try #require(bench.row(lease.port).lease?.traffic)
    }

    @Test func theLeaseSaysWhatIsServed() async throws {
        try await PortsBench.with { bench in
            let lease = try bench.serve {
                $0.port = 2005
                $0.name = "disk one"
                $0.offsetBytes = 512
                $0.lengthBytes = 1024
                $0.allow = [CIDR("10.1.0.3")].compactMap { $0 }
            }
            #expect(lease.port == 2005 && lease.service == "nbd" && lease.name == "disk_one")
            #expect(lease.source == bench.evidence + "/evidence0" && lease.readOnly && lease.tls == .off)
            #expect(lease.offsetBytes == 512 && lease.sizeBytes == 1024)
            #expect(lease.bind == "\(bench.address):2005" && lease.uri == "nbd://\(bench.address):2005/disk_one")
            #expect(lease.allow.map(\.description) == ["10.1.0.3"] && isAlive(lease.pid))
            let row = try bench.row(2005)
            #expect(row.state == .leased && row.lease?.service.pid == lease.pid)
            #expect(row.lease?.service.name == "disk_one" && row.lease?.traffic?.connections == 0)
            #expect(try client(bench, lease).sizeBytes == 1024)
        }
    }

    @Test func aConnectionIsAHandshakeUntilItHasAgreed() async throws {
        try await PortsBench.with { bench in
            let lease = try bench.serve()
            let silent = try dial(bench, lease)
            try await eventually("a handshake is seen", within: .seconds(5)) {
                try traffic(bench, lease).handshakes == 1
            }
            #expect(try traffic(bench, lease).clients.isEmpty)
            let talking = try client(bench, lease)
            try await eventually("a client is seen", within: .seconds(5)) {
                try traffic(bench, lease).clients.count == 1
            }
            let seen = try traffic(bench, lease)
            #expect(seen.handshakes == 1 && seen.connections == 2 && seen.refused == 0)
            #expect(seen.clients.first?.address == "127.0.0.1")
            #expect(talking.isReadOnly)
            close(silent)
            try await eventually("the silent one is gone", within: .seconds(5)) {
                try traffic(bench, lease).handshakes == 0
            }
            #expect(try traffic(bench, lease).clients.count == 1)
        }
    }

    @Test func bytesOfThoseWhoAreThereAndOfThoseWhoHaveLeftAreCounted() async throws {
        try await PortsBench.with { bench in
            let lease = try bench.serve()
            var reader: Connection? = try client(bench, lease)
            #expect(try reader?.read(at: 0, count: 65536) == [UInt8](repeating: 7, count: 65536))
            try await eventually("its bytes are seen", within: .seconds(5)) {
                try traffic(bench, lease).bytesSent > 65536
            }
            let seen = try traffic(bench, lease)
            #expect(seen.bytesSent < 70_000 && (40..<4096).contains(seen.bytesReceived))
            reader = nil
            try await eventually("it has left", within: .seconds(5)) { try traffic(bench, lease).clients.isEmpty }
            let afterwards = try traffic(bench, lease)
            #expect(afterwards.bytesSent >= seen.bytesSent && afterwards.bytesReceived >= seen.bytesReceived)
            _ = try client(bench, lease).read(at: 0, count: 512)
            try await eventually("both are counted", within: .seconds(5)) {
                try traffic(bench, lease).bytesSent >= afterwards.bytesSent + 512
            }
        }
    }

    @Test func oneMoreThanMayBeIsTurnedAwayAndCounted() async throws {
        try await PortsBench.with { bench in
            let lease = try bench.serve { $0.maxClients = 2 }
            var clients = try (0..<2).map { _ in try client(bench, lease) }
            try await eventually("two clients", within: .seconds(5)) { try traffic(bench, lease).clients.count == 2 }
            #expect(throws: NBDError.self) { try client(bench, lease) }
            #expect(try traffic(bench, lease).refused == 1)
            #expect(try clients[0].read(at: 0, count: 512).count == 512)
            clients.removeFirst()
            try await eventually("there is room", within: .seconds(5)) { try traffic(bench, lease).clients.count == 1 }
            #expect(try client(bench, lease).sizeBytes == 1 << 20)
        }
    }

    @Test func theSeventeenthHandshakeEndsTheFirst() async throws {
        try await PortsBench.with { bench in
            let lease = try bench.serve()
            let silent = try (0..<20).map { _ in try dial(bench, lease) }
            defer { for socket in silent { close(socket) } }
            try await eventually("the first ones are ended", within: .seconds(5)) {
                let seen = try traffic(bench, lease)
                return seen.handshakes == 16 && seen.refused == 4
            }
            // The first is at its end, the last is not.
            for (index, isOver) in [(0, true), (3, true), (19, false)] {
                var bytes = [UInt8](repeating: 0, count: 64)
                var count = 0
                repeat { count = recv(silent[index], &bytes, bytes.count, CInt(MSG_DONTWAIT)) } while count > 0
                let isAtEnd = count == 0 || errno == ECONNRESET
                #expect(isAtEnd == isOver, "\(index)")
            }
        }
    }

    @Test func anUnusedGateLeavesAndAUsedOneStays() async throws {
        try await PortsBench.with { bench in
            let lease = try bench.serve { $0.idleTimeout = .seconds(2) }
            var reader: Connection? = try client(bench, lease)
            try await eventually("a client is seen", within: .seconds(5)) {
                try traffic(bench, lease).clients.count == 1
            }
            try await Task.sleep(for: .seconds(3))
            #expect(try reader?.read(at: 0, count: 512).count == 512)
            let left = ContinuousClock.now
            reader = nil
            try await eventually("the gate has left", within: .seconds(5)) { !isAlive(lease.pid) }
            #expect(ContinuousClock.now - left > .milliseconds(1900))
            #expect(try bench.row(lease.port).state == .free)
            #expect(bench.store.directory.names().isEmpty)
        }
    }

    @Test func theServersOfAKilledGateDieWithIt() async throws {
        try await PortsBench.with { bench in
            let lease = try bench.serve()
            let reader = try client(bench, lease)
            let servers = try children(of: lease.pid)
            #expect(servers.count == 1 && reader.sizeBytes == 1 << 20)
            kill(lease.pid, SIGKILL)
            // Reaped, as nobody else does in this process.
            waitpid(lease.pid, nil, 0)
            try await eventually("its servers are gone", within: .seconds(5)) { !servers.contains(where: isAlive) }
            #expect(try bench.row(lease.port).state == .free)
            #expect(bench.store.directory.names().isEmpty)
        }
    }

    @Test func aServerThatDoesNotLeaveIsKilled() async throws {
        // It ignores what asks it to go, and the end of its connection.
        let script = """
            trap '' TERM
            $REAL "$@"; while :; do sleep 1; done
            """
        try await PortsBench.with(nbdkit: script) { bench in
            let lease = try bench.serve()
            let socket = try dial(bench, lease)
            defer { close(socket) }
            try await eventually("a server", within: .seconds(5)) { try !children(of: lease.pid).isEmpty }
            let servers = try children(of: lease.pid)
            let start = ContinuousClock.now
            #expect(try bench.status.release(.port(lease.port)).released.map(\.port) == [lease.port])
            #expect(ContinuousClock.now - start < .seconds(5))
            waitpid(lease.pid, nil, 0)
            try await eventually("its servers are gone", within: .seconds(5)) { !servers.contains(where: isAlive) }
        }
    }

    @Test func theGateWantsTheDiskThatWasChecked() async throws {
        try await PortsBench.with { bench in
            let other = bench.bench.directory + "/other"
            Workbench.write([1], to: other)
            let exchanged = try OpenSource(other, in: bench.evidence)
            let leased = try LeasedListener.take(2000, on: bench.address, in: bench.store)
            let place = ServicePlace(
                port: 2000, store: bench.store, topology: bench.topology, environment: bench.paths.environment)
            let service = try NBDService(
                NBDRequest(source: "evidence0"), paths: bench.paths,
                trialCommand: bench.scout("examine", "--open-only", "--"))
            guard case .socketPerClient(let server) = try service.makeReady(at: place) else {
                Issue.record("an export has no gate")
                return
            }
            // What was checked is evidence0; what its descriptor leads to now is not.
            try #require(dup2(exchanged.descriptor, server.source.descriptor) >= 0)
            let launcher = GateLauncher(server: server, leased: leased, store: bench.store)
            let error = scoutError { _ = try launcher.run([Project.binary, "gate", "--", "x"]) }
            #expect(error?.code == .failed)
            let log = try File.read(bench.store.logPath(2000)) ?? []
            #expect(String(decoding: log, as: UTF8.self).contains("the gate was not given \(bench.evidence)/evidence0"))
        }
    }
}
