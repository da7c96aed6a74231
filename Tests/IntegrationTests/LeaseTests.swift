import Core
import FoundationEssentials
import Glibc
import Platform
import TestSupport
import Testing

/// What keeps a lease what it was: its disk, its clients, its files, its name.
@Suite struct LeaseTests {
    private func files(_ bench: Workbench) async throws -> String {
        try await bench.tool("ls")("-A", bench.directory + "/run/ports").output
    }

    // MARK: - The disk

    @Test func anotherDiskUnderThePathChangesNothing() async throws {
        let bytes = (0..<(1 << 20)).map { _ in UInt8.random(in: 0 ... .max) }
        try await Workbench.with(evidence: bytes) { bench in
            let lease = try await serve(bench)
            let path = bench.directory + "/evidence/evidence0"
            #expect(unlink(path) == 0)
            Workbench.write([UInt8](repeating: 9, count: 1 << 20), to: path, mode: 0o444)
            let copy = bench.directory + "/copy"
            #expect(try await bench.tool("nbdcopy")(lease.uri, copy).status == 0)
            #expect(try File.read(copy, limit: 1 << 21) == bytes)
            // What lies there now is not what is exported.
            let listed = try await bench.scout("evidence", "--json")
            let report = try JSON.decode(EvidenceReport.self, from: Data(listed.output.utf8))
            #expect(report.devices.first?.exportedOn == [])
        }
    }

    @Test func evidenceIsNeverExportedForWriting() async throws {
        try await Workbench.with { bench in
            let directory = bench.directory
            let disk = directory + "/disk.img"
            Workbench.write([UInt8](repeating: 1, count: 4096), to: disk, mode: 0o644)
            Workbench.write([UInt8](repeating: 1, count: 4096), to: directory + "/evidence/storage0", mode: 0o644)
            #expect(symlink(disk, directory + "/evidence/evidence1") == 0)
            #expect(symlink(directory + "/evidence/evidence0", directory + "/harmless") == 0)
            #expect(Glibc.link(disk, directory + "/hard") == 0)
            #expect(chmod(directory + "/evidence/evidence0", 0o666) == 0)
            for source in [
                "evidence0", "evidence1", directory + "/evidence/evidence0",
                directory + "/evidence/../evidence/evidence1",
                directory + "/harmless", disk, directory + "/hard",
            ] {
                let outcome = try await bench.scout("serve", "nbd", source, "--writable")
                #expect(outcome.status == 77, "\(source): \(outcome.errors)")
            }
            #expect(try await bench.scout("serve", "nbd", "storage0", "--writable").status == 0)
        }
    }

    @Test(.enabled(if: Project.hasLab, "needs root for loop devices"))
    func aDeviceWithTheNumbersOfEvidenceIsNotExportedForWriting() async throws {
        try await Workbench.with { bench in
            let disk = bench.directory + "/disk.img"
            Workbench.write([UInt8](repeating: 1, count: 1 << 20), to: disk, mode: 0o644)
            let attached = try await bench.tool("losetup")("--find", "--show", disk)
            let loop = String(attached.output.prefix { $0 != "\n" })
            try #require(loop.hasPrefix("/dev/loop"))
            var info = stat()
            #expect(stat(loop, &info) == 0)
            #expect(mknod(bench.directory + "/node", S_IFBLK | 0o600, info.st_rdev) == 0)
            #expect(symlink(loop, bench.directory + "/evidence/evidence1") == 0)
            for source in [loop, bench.directory + "/node", disk] {
                let outcome = try await bench.scout("serve", "nbd", source, "--writable")
                #expect(outcome.status == 77, "\(source): \(outcome.errors)")
            }
            #expect(try await bench.tool("losetup")("--detach", loop).status == 0)
        }
    }

    // MARK: - Its clients

    @Test(arguments: ["25d", "100000000000d"])
    func aLongIdleTimeoutKeepsTheGate(timeout: String) async throws {
        try await Workbench.with { bench in
            let lease = try await serve(bench, "--idle-timeout", timeout)
            #expect(try await bench.tool("nbdinfo")("--size", lease.uri).status == 0)
            #expect(isAlive(lease.pid))
            #expect(try await ports(bench).ports.first?.lease?.traffic?.connections == 1)
        }
    }

    @Test func thoseWithoutAWordKeepNobodyOut() async throws {
        try await Workbench.with { bench in
            let lease = try await serve(bench, "--tls", "psk", "--max-clients", "1")
            let key = try #require(lease.pskFile)
            var sockets: [CInt] = []
            defer { for socket in sockets { close(socket) } }
            let address = try #require(IPAddress(bench.address))
            for _ in 0..<40 {
                let socket = Glibc.socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
                #expect(address.withSocketAddress(port: lease.port) { connect(socket, $0, $1) } == 0)
                sockets.append(socket)
            }
            #expect(try await bench.tool("nbdinfo")("\(lease.uri)?tls-psk-file=\(key)").status == 0)
            let traffic = try await ports(bench).ports.first?.lease?.traffic
            #expect(traffic?.clients.isEmpty == true)
            #expect(traffic?.handshakes.map { (1...16).contains($0) } == true, "\(String(describing: traffic))")
        }
    }

    @Test func oneWithoutAWordKeepsNoUnusedExport() async throws {
        try await Workbench.with { bench in
            let lease = try await serve(bench, "--idle-timeout", "1")
            let client = try NBDClient(lease)
            try await Task.sleep(for: .seconds(3))
            try await eventually("an idle gate leaves") { !isAlive(lease.pid) }
            #expect(!client.agree())
        }
    }

    @Test func readErrorsDoNotFillTheDisk() async throws {
        try await Workbench.with { bench in
            let path = bench.directory + "/evidence/evidence0"
            #expect(chmod(path, 0o644) == 0)
            let lease = try await serve(bench)
            let client = try NBDClient(lease)
            try #require(client.agree())
            #expect(truncate(path, 0) == 0)
            for _ in 0..<20_000 { try #require(client.read() != nil) }
            #expect(try await bench.scout("release", "\(lease.port)").status == 0)
            try await eventually("gate gone") { !isAlive(lease.pid) }
            let log = try #require(try File.read(bench.directory + "/state/logs/\(lease.port).log", limit: 1 << 26))
            #expect(log.count < 64 << 10)
            #expect(String(decoding: log, as: UTF8.self).contains("lines of the servers were left out"))
        }
    }

    // MARK: - Its name, and its end

    @Test func aServiceIsReleasedByANameThatIsANumber() async throws {
        try await Workbench.with { bench in
            let lease = try await serve(bench, "--port", "2001", "--name", "2005")
            #expect(try await bench.scout("release", "2005").output == "released 2001 2005\n")
            #expect(!isAlive(lease.pid))
            // Where that is a leased port as well, nobody knows which is meant.
            _ = try await serve(bench, "--port", "2001", "--name", "2005")
            _ = try await serve(bench, "--port", "2005")
            let outcome = try await bench.scout("release", "2005")
            #expect(outcome.status == 64)
            #expect(outcome.errors.contains("2001 2005, 2005 evidence0"), "\(outcome.errors)")
            #expect(try await bench.scout("release", "2001").status == 0)
            #expect(try await bench.scout("release", "2005").output == "released 2005 evidence0\n")
        }
    }

    @Test func oneOfTwoEqualNamesIsNotReleasedByChance() async throws {
        try await Workbench.with { bench in
            _ = try await serve(bench)
            _ = try await serve(bench)
            let outcome = try await bench.scout("release", "evidence0")
            #expect(outcome.status == 64)
            #expect(outcome.errors.contains("2000 evidence0, 2001 evidence0"), "\(outcome.errors)")
            #expect(try await ports(bench).ports.count { $0.state == .leased } == 2)
            #expect(try await bench.scout("release", "2000").status == 0)
            #expect(try await bench.scout("release", "evidence0").status == 0)
        }
    }

    @Test func whatTheDeadLeaveIsSwept() async throws {
        try await Workbench.with { bench in
            let lease = try await serve(bench, "--tls", "psk")
            let other = try await serve(bench, "--tls", "psk")
            kill(lease.pid, SIGKILL)
            try await eventually("gate gone") { !isAlive(lease.pid) }
            #expect(try await files(bench).contains("2000.psk"))
            #expect(try await ports(bench).ports.first?.state == .free)
            let left = try await files(bench)
            #expect(!left.contains("2000"), "\(left)")
            #expect(left.contains("2001.psk"))
            #expect(try await bench.scout("release", "\(other.port)").status == 0)
            try await eventually("nothing is left") { try await files(bench).isEmpty }
        }
    }

    @Test(arguments: ["run/ports", "run", "run/ports/2000.sock", "run/ports/2000.lock"])
    func aGateWhoseFilesAreGoneIsReleased(gone: String) async throws {
        try await Workbench.with { bench in
            let lease = try await serve(bench)
            #expect(try await bench.tool("rm")("-rf", bench.directory + "/" + gone).status == 0)
            #expect(try await ports(bench).ports.first?.lease?.service.name == "evidence0")
            #expect(try await bench.scout("release", "evidence0").status == 0)
            #expect(!isAlive(lease.pid))
            #expect(try await ports(bench).ports.first?.state == .free)
        }
    }

    // MARK: - What lies in its directory

    @Test func plantedFilesNeitherHangNorFool() async throws {
        try await Workbench.with { bench in
            let directory = bench.directory + "/run/ports"
            #expect(try await bench.scout("ports").status == 0)
            let sleeper = Glibc.socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
            defer { close(sleeper) }
            let address = try #require(IPAddress(bench.address))
            #expect(address.withSocketAddress(port: 2004) { bind(sleeper, $0, $1) } == 0 && listen(sleeper, 1) == 0)
            #expect(mkfifo(directory + "/2000.lock", 0o600) == 0)
            #expect(symlink("/etc/passwd", directory + "/2001.lock") == 0)
            for name in ["2002.json", "2002.sock", "2002.psk"] { #expect(mkfifo("\(directory)/\(name)", 0o600) == 0) }
            #expect(mkdir(directory + "/2003.sock", 0o700) == 0 && mkdir(directory + "/2003.export", 0o700) == 0)
            // A description that names this process, with numbers that no process or port has.
            let stale = """
                {"schema":"scout.serve/1","port":2004,"service":"nbd","name":"x","source":"/x","readOnly":true,"uri":"u",
                "bind":"b","allow":[],"tls":"off","pid":\(getpid()),"state":"listening","startedAt":"999999-01-01T00:00:00Z"}
                """
            for port in [2004, 2005] { Workbench.write(Array(stale.utf8), to: "\(directory)/\(port).json") }
            Workbench.write(Array("{\"port\":1e999,\"pid\":99999999999999}".utf8), to: directory + "/2006.json")
            let start = ContinuousClock.now
            let rows = try await ports(bench).ports
            #expect(rows.map(\.state.rawValue) == (2000...2009).map { $0 == 2004 ? "foreign" : "free" })
            #expect(try await bench.scout("release", "2004").status == 77)
            for port in ["2000", "2001"] {
                let outcome = try await bench.scout("serve", "nbd", "evidence0", "--port", port)
                #expect(outcome.status == 77, "\(outcome.errors)")
                #expect(outcome.errors.contains("is not a plain file"), "\(outcome.errors)")
            }
            for port in ["2002", "2003", "2005"] {
                #expect(try await serve(bench, "--port", port).port == UInt16(port))
            }
            #expect(try await bench.scout("release", "--all").status == 0)
            #expect(ContinuousClock.now - start < .seconds(10))
        }
    }

    @Test func plantedRecordsOfAcquisitionsNeitherHangNorFool() async throws {
        try await Workbench.with { bench in
            #expect(try await bench.scout("status", "--target", "local").status == 0)
            let directory = bench.directory + "/run/acquisitions"
            #expect(mkfifo(directory + "/1.lock", 0o600) == 0 && mkfifo(directory + "/2.json", 0o600) == 0)
            #expect(symlink("/etc/passwd", directory + "/3.lock") == 0)
            let record = """
                {"pid":4,"target":"t","source":"planted","image":"i","startedAt":"2026-01-01T00:00:00Z","phase":"reading",
                "doneBytes":18446744073709551615,"totalBytes":0,"bytesPerSecond":18446744073709551615}
                """
            var held: [CInt] = []
            for number in [2, 4, 5] {
                if number != 2 { Workbench.write(Array(record.utf8), to: "\(directory)/\(number).json") }
                let lock = open("\(directory)/\(number).lock", O_RDWR | O_CREAT, 0o600)
                if number != 5, flock(lock, LOCK_EX) == 0 { held.append(lock) } else { close(lock) }
            }
            let start = ContinuousClock.now
            let page = try await bench.scout("status", "--target", "local")
            #expect(page.status == 0 && ContinuousClock.now - start < .seconds(5), "\(page.errors)")
            // The one that is locked is shown, with numbers that no disk has; the dead one is gone.
            #expect(page.output.split(separator: "\n").count { $0.contains("planted") } == 1)
            #expect(access(directory + "/5.json", F_OK) != 0)
            for lock in held { close(lock) }
        }
    }

    @Test func theKeyOfADeadAcquisitionIsSwept() async throws {
        try await Workbench.with { bench in
            let directory = bench.directory + "/run/keys"
            #expect(mkdir(bench.directory + "/run", 0o700) == 0 && mkdir(directory, 0o700) == 0)
            Workbench.write(Array("scout:00\n".utf8), to: directory + "/dead-1.psk")
            Workbench.write(Array("scout:00\n".utf8), to: directory + "/alive-1.psk")
            let alive = open(directory + "/alive-1.psk", O_RDONLY)
            #expect(flock(alive, LOCK_EX) == 0)
            let image = bench.directory + "/x.dd"
            let outcome = try await bench.scout("acquire", "evidence0", image, "--target", "local")
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(try await bench.tool("ls")(directory).output == "alive-1.psk\n")
            close(alive)
        }
    }
}
