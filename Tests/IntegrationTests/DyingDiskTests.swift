import Core
import FoundationEssentials
import Glibc
import TestSupport
import Testing

/// A disk whose reads never come back keeps nobody from the others.
@Suite(.enabled(if: Project.hasLab && access("/dev/fuse", R_OK) == 0, "needs root and /dev/fuse for a stalled disk"))
struct DyingDiskTests {
    /// Maps a stalled disk as `evidence1`, a loop device, and `evidence2`, the file itself, while the body runs.
    private func withStalledDisk(_ bench: Workbench, _ body: () async throws -> Void) async throws {
        let mount = bench.directory + "/stalled"
        #expect(mkdir(mount, 0o700) == 0)
        let started = try await bench.tool("bash")(
            "-c",
            """
            setsid '\(Project.root)/Tests/Lab/stalling-disk' '\(mount)' 8388608 >'\(mount).log' 2>&1 </dev/null &
            echo $!; for _ in {1..100}; do [ -e '\(mount)/disk' ] && break; sleep 0.05; done
            losetup --find --show --read-only '\(mount)/disk'
            """)
        let words = started.output.split(separator: "\n")
        try #require(words.count == 2, "\(started.output)\(started.errors)")
        let server = try #require(pid_t(words[0]))
        #expect(symlink(String(words[1]), bench.directory + "/evidence/evidence1") == 0)
        #expect(symlink(mount + "/disk", bench.directory + "/evidence/evidence2") == 0)
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await body()) } catch { outcome = .failure(error) }
        // Reads fail at last, and who hangs in them can end.
        kill(server, SIGKILL)
        _ = try? await bench.scout("release", "--all")
        #expect(try await bench.tool("losetup")("--detach", String(words[1])).status == 0)
        #expect(try await bench.tool("umount")("--lazy", mount).status == 0)
        try outcome.get()
    }

    @Test func oneKeepsNobodyFromTheOthers() async throws {
        try await Workbench.with { bench in
            try await withStalledDisk(bench) {
                var start = ContinuousClock.now
                let listed = try await bench.scout("evidence", "--json")
                #expect(ContinuousClock.now - start < .seconds(10))
                let devices = try JSON.decode(EvidenceReport.self, from: Data(listed.output.utf8)).devices
                #expect(devices.map(\.name) == ["evidence0", "evidence1", "evidence2"])
                #expect(devices.first?.reason == nil)
                for sick in devices.dropFirst() {
                    #expect(sick.sizeBytes == 8 << 20)
                    #expect(
                        sick.reason?.contains("does not answer") == true || sick.reason?.contains("no answer") == true)
                }
                // Who looked at it is left in the kernel; the next ones don't wait for that.
                start = ContinuousClock.now
                #expect(try await bench.scout("serve", "nbd", "evidence0").status == 0)
                #expect(ContinuousClock.now - start < .seconds(3))
                start = ContinuousClock.now
                let outcome = try await bench.scout("serve", "nbd", "evidence1", "--partition", "1")
                #expect(outcome.status == 74, "\(outcome.errors)")
                #expect(ContinuousClock.now - start < .seconds(12))
                start = ContinuousClock.now
                let image = bench.directory + "/x.dd"
                let acquired = try await bench.scout("acquire", "evidence0", image, "--target", "local")
                #expect(acquired.status == 0, "\(acquired.errors)")
                #expect(ContinuousClock.now - start < .seconds(12))
            }
        }
    }

    @Test func aLeaseOfOneIsReleased() async throws {
        try await Workbench.with { bench in
            try await withStalledDisk(bench) {
                let served = try await bench.scout("serve", "nbd", "evidence1", "--json")
                try #require(served.status == 0, "\(served.errors)")
                let lease = try JSON.decode(LeaseReport.self, from: Data(served.output.utf8))
                let client = try NBDClient(lease)
                try #require(client.agree())
                #expect(client.ask())
                let start = ContinuousClock.now
                #expect(try await bench.scout("release", "\(lease.port)").status == 0)
                #expect(ContinuousClock.now - start < .seconds(6))
                let ports = try await bench.scout("ports", "--json")
                let rows = try JSON.decode(PortsReport.self, from: Data(ports.output.utf8)).ports
                #expect(rows.allSatisfy { $0.state == .free })
            }
        }
    }
}
