import Core
import Glibc
import Synchronization
import Platform
import TestSupport
import Testing

@testable import Ports

/// Who gets a port, and who doesn't.
@Suite struct LeaseTakingTests {
    /// How the taking of a port ended.
    private func outcome(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "taken"
        } catch let refusal as Lease.Refusal {
            return switch refusal {
            case .leased: "leased"
            case .foreign: "foreign"
            case .failed(let error): "failed: \(error.message)"
            }
        } catch {
            return "\(error)"
        }
    }

    @Test func ofTwoTakersOneGetsThePort() async throws {
        try await PortsBench.with { bench in
            for _ in 0..<50 {
                let taken = await withTaskGroup(of: Lease?.self) { group in
                    for _ in 0..<2 { group.addTask { try? Lease.take(2000, in: bench.store) } }
                    return await group.reduce(into: []) { $0.append($1) }.compactMap { $0 }
                }
                #expect(taken.count == 1)
                for lease in taken { lease.giveUp() }
            }
        }
    }

    @Test func whoIsRefusedIsToldThatThePortIsLeased() async throws {
        try await PortsBench.with { bench in
            let held = try Lease.take(2000, in: bench.store)
            #expect(outcome { _ = try Lease.take(2000, in: bench.store) } == "leased")
            // Another port is another lease.
            _ = try Lease.take(2001, in: bench.store)
            #expect(held.port == 2000)
        }
    }

    private final class Lookers: Sendable {
        let areWanted = Atomic(true)
        let gone = Atomic(0)
    }

    /// Whoever looks at the ports must not be taken for one who holds them.
    @Test func whoLooksNeverMakesATakerFail() async throws {
        try await PortsBench.with { bench in
            let (store, status, lookers) = (bench.store, bench.status, Lookers())
            for _ in 0..<3 {
                try Thread.start {
                    while lookers.areWanted.load(ordering: .relaxed) { _ = status.report() }
                    lookers.gone.add(1, ordering: .relaxed)
                }
            }
            var failures = 0
            for _ in 0..<1000 {
                // What a dead one left, so that who looks sweeps.
                Workbench.write([1], to: bench.files + "/2000.psk")
                do { try Lease.take(2000, in: store).giveUp() } catch { failures += 1 }
            }
            lookers.areWanted.store(false, ordering: .relaxed)
            try await eventually("they have looked for the last time", within: .seconds(5)) {
                lookers.gone.load(ordering: .relaxed) == 3
            }
            #expect(failures == 0)
        }
    }

    @Test func whoeverInheritsTheLockHoldsTheLeaseUntilItIsKilled() async throws {
        try await PortsBench.with { bench in
            var lease: Lease? = try Lease.take(2000, in: bench.store)
            let holder = try bench.holder([.init(try #require(lease).lock, as: 3)])
            lease = nil
            #expect((try? Lease.take(2000, in: bench.store)) == nil)
            holder.end()
            #expect(try Lease.take(2000, in: bench.store).port == 2000)
        }
    }

    @Test func aPortWithoutALeaseIsForeignAndItsLockIsGivenBack() async throws {
        try await PortsBench.with { bench in
            let foreign = try PortListener(2000, on: bench.address)
            #expect(outcome { _ = try LeasedListener.take(2000, on: bench.address, in: bench.store) } == "foreign")
            #expect(access(bench.files + "/2000.lock", F_OK) != 0)
            #expect(try Lease.take(foreign.port, in: bench.store).port == 2000)
        }
    }

    @Test func anAddressThatIsNotThisMachinesIsNoForeignPort() async throws {
        try await PortsBench.with { bench in
            let elsewhere = try #require(IPAddress("192.0.2.1"))
            let outcome = outcome { _ = try PortListener(2000, on: elsewhere) }
            #expect(outcome.hasPrefix("failed: cannot listen on 192.0.2.1 port 2000"), "\(outcome)")
        }
    }

    @Test func takingClearsWhatAnEarlierLeaseHasLeft() async throws {
        try await PortsBench.with { bench in
            for name in ["2000.json", "2000.psk", "2000.psk.4711.12", "2001.psk", "200.psk"] {
                Workbench.write([1], to: "\(bench.files)/\(name)")
            }
            #expect(mkdir(bench.files + "/2000.export", 0o700) == 0)
            #expect(symlink("/etc/passwd", bench.files + "/2000.export/x") == 0)
            let leased = try LeasedListener.take(2000, on: bench.address, in: bench.store)
            #expect(bench.store.directory.names().sorted() == ["200.psk", "2000.lock", "2001.psk"])
            #expect(access("/etc/passwd", F_OK) == 0)
            leased.lease.giveUp()
            #expect(bench.store.directory.names().sorted() == ["200.psk", "2001.psk"])
        }
    }

    @Test func plantedFilesAreNoLocks() async throws {
        try await PortsBench.with { bench in
            #expect(mkfifo(bench.files + "/2000.lock", 0o600) == 0)
            #expect(symlink("/etc/passwd", bench.files + "/2001.lock") == 0)
            #expect(mkdir(bench.files + "/2002.lock", 0o700) == 0)
            for port: UInt16 in [2000, 2001, 2002] {
                let outcome = outcome { _ = try Lease.take(port, in: bench.store) }
                #expect(outcome.hasPrefix("failed: ") && outcome.contains("is not a plain file"), "\(outcome)")
            }
            // Nor is what they stand for leased.
            #expect(bench.status.report().ports.allSatisfy { $0.state == .free })
        }
    }

    @Test func aFullHouseNamesItsHolders() async throws {
        try await PortsBench.with { bench in
            let held = try (UInt16(2000)...2009).map { try PortListener($0, on: bench.address) }
            let error = scoutError { _ = try bench.serve() }
            #expect(error?.code == .busy && error?.message.contains("(pid \(getpid()))") == true)
            let one = scoutError { _ = try bench.serve { $0.port = 2003 } }
            #expect(one?.code == .busy && one?.message.hasPrefix("port 2003 is taken: 2003 ") == true)
            let none = scoutError { _ = try bench.serve { $0.port = 2010 } }
            #expect(none?.code == .usage && none?.hint?.contains("2000–2009") == true)
            #expect(held.count == 10)
        }
    }

    @Test func theMachineMustCarryTheContainersAddress() async throws {
        try await PortsBench.with { bench in
            var topology = bench.topology
            topology.containerAddress = "192.0.2.1"
            let launcher = try ServiceLauncher(topology: topology, paths: bench.paths)
            let error = scoutError {
                _ = try launcher.serve(
                    .nbd(NBDRequest(source: "evidence0")), gateCommand: ["/bin/false"],
                    trialCommand: ["/bin/true"])
            }
            #expect(error?.code == .failed && error?.message.contains("192.0.2.1") == true)
        }
    }
}
