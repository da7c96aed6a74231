import Core
import FoundationEssentials
import Glibc
import Platform
import TestSupport
import Testing

/// `serve`, `ports` and `release` as their users run them, with stock clients on the exports.
@Suite struct ServeTests {
    @Test func stockClientsReadTheExportAndFindItReadOnly() async throws {
        let bytes = (0..<(3 << 20)).map { _ in UInt8.random(in: 0 ... .max) }
        try await Workbench.with(evidence: bytes) { bench in
            let lease = try await serve(bench)
            #expect(lease.uri == "nbd://\(bench.address):\(lease.port)/evidence0")
            #expect(lease.bind == "\(bench.address):\(lease.port)")
            #expect(try await bench.tool("nbdinfo")("--is", "readonly", lease.uri).status == 0)
            #expect(try await bench.tool("nbdinfo")("--size", lease.uri).output == "\(bytes.count)\n")
            let copy = bench.directory + "/copy"
            #expect(try await bench.tool("nbdcopy")(lease.uri, copy).status == 0)
            #expect(try File.read(copy, limit: 1 << 24) == bytes)
            #expect(try await bench.tool("qemu-img")("info", lease.uri).status == 0)
            #expect(try await bench.tool("qemu-img")("convert", "-O", "raw", lease.uri, copy + "2").status == 0)
            #expect(try await bench.tool("cmp")(copy, copy + "2").status == 0)
        }
    }

    @Test func aWriteIsRefused() async throws {
        try await Workbench.with { bench in
            let lease = try await serve(bench)
            Workbench.write([1, 2, 3], to: bench.directory + "/small")
            let write = try await bench.tool("nbdcopy")(bench.directory + "/small", lease.uri)
            #expect(write.status != 0)
            #expect(try File.read(bench.directory + "/evidence/evidence0") == [UInt8](repeating: 7, count: 1 << 20))
        }
    }

    @Test func anotherExportNameIsNotAnswered() async throws {
        try await Workbench.with { bench in
            let lease = try await serve(bench)
            let base = "nbd://\(bench.address):\(lease.port)"
            #expect(try await bench.tool("nbdinfo")(base).status == 0)
            #expect(try await bench.tool("nbdinfo")(base + "/evidence1").status != 0)
        }
    }

    @Test func releaseFreesThePortAndEndsItsServers() async throws {
        try await Workbench.with { bench in
            let lease = try await serve(bench)
            try await withClient(of: lease) {
                try await eventually("a server for the client") { try !children(of: lease.pid).isEmpty }
                let servers = try children(of: lease.pid)
                #expect(try await bench.scout("release", "\(lease.port)").status == 0)
                try await eventually("servers gone") { !servers.contains(where: isAlive) }
                // The lock is free a moment before the process is gone.
                try await eventually("gate gone") { !isAlive(lease.pid) }
            }
            #expect(try await ports(bench).ports.allSatisfy { $0.state == .free })
        }
    }

    @Test func killingTheGateFreesThePortAndEndsItsServers() async throws {
        try await Workbench.with { bench in
            let lease = try await serve(bench, "--port", "2004")
            try await withClient(of: lease) {
                try await eventually("a server for the client") { try !children(of: lease.pid).isEmpty }
                let servers = try children(of: lease.pid)
                kill(lease.pid, SIGKILL)
                try await eventually("gate gone") { !isAlive(lease.pid) }
                let again = try await serve(bench, "--port", "2004")
                #expect(again.port == 2004)
                try await eventually("servers gone") { !servers.contains(where: isAlive) }
            }
        }
    }

    @Test func aStoppedGateIsStillReleased() async throws {
        try await Workbench.with { bench in
            let lease = try await serve(bench)
            kill(lease.pid, SIGSTOP)
            #expect(try await ports(bench).ports.first?.state == .leased)
            #expect(try await bench.scout("release", lease.name).status == 0)
            #expect(try await ports(bench).ports.first?.state == .free)
        }
    }

    @Test func aHundredAskersGetTenPortsAndNinetyRefusals() async throws {
        try await Workbench.with { bench in
            let outcomes = try await withThrowingTaskGroup(of: Outcome.self) { group in
                for _ in 0..<100 { group.addTask { try await bench.scout("serve", "nbd", "evidence0", "--json") } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let granted = outcomes.filter { $0.status == 0 }
            let ports = try granted.map { try JSON.decode(LeaseReport.self, from: Data($0.output.utf8)).port }
            #expect(ports.sorted() == Array(2000...2009))
            let refused = outcomes.filter { $0.status == 75 }
            #expect(refused.count == 90)
            for outcome in refused {
                let error = #expect(throws: ScoutError.self) {
                    try JSON.decode(LeaseReport.self, from: Data(outcome.output.utf8))
                }
                #expect(error?.code == .busy)
                #expect(error?.message.contains("2000 evidence0") == true)
            }
        }
    }

    @Test func aForeignProgramIsNamed() async throws {
        try await Workbench.with { bench in
            let listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
            defer { close(listener) }
            let address = try #require(IPAddress(bench.address))
            #expect(address.withSocketAddress(port: 2000) { bind(listener, $0, $1) } == 0)
            #expect(listen(listener, 1) == 0)
            let asked = try await bench.scout("serve", "nbd", "evidence0", "--port", "2000")
            #expect(asked.status == 75)
            #expect(asked.errors.contains("(pid \(getpid()))"), "\(asked.errors)")
            #expect(try await serve(bench).port == 2001)
            let released = try await bench.scout("release", "2000")
            #expect(released.status == 77)
        }
    }

    @Test func onlyTheMachineItselfConnectsWhereNoSessionSaysOtherwise() async throws {
        try await Workbench.with { bench in
            #expect(try await serve(bench).allow.isEmpty)
            var session = bench.scout
            session.environment["SSH_CONNECTION"] = "10.1.0.3 55000 10.0.3.2 22"
            let outcome = try await session("serve", "nbd", "evidence0", "--json")
            let lease = try JSON.decode(LeaseReport.self, from: Data(outcome.output.utf8))
            #expect(lease.allow == [CIDR("10.1.0.3")])
            let named = try await serve(bench, "--allow", "10.1.0.0/24", "--allow", "10.1.0.9")
            #expect(named.allow == [CIDR("10.1.0.0/24"), CIDR("10.1.0.9")])
        }
    }

    @Test func aClientWithoutTheKeyIsTurnedAway() async throws {
        try await Workbench.with { bench in
            let lease = try await serve(bench, "--tls", "psk")
            let key = try #require(lease.pskFile)
            #expect(lease.uri.hasPrefix("nbds://scout@"))
            let nbdinfo = bench.tool("nbdinfo")
            #expect(try await nbdinfo("\(lease.uri)?tls-psk-file=\(key)").status == 0)
            let plain = "nbd://\(bench.address):\(lease.port)/evidence0"
            #expect(try await nbdinfo(plain).status != 0)
            let wrong = bench.directory + "/wrong.psk"
            Workbench.write(Array("scout:\(String(repeating: "ab", count: 32))\n".utf8), to: wrong)
            #expect(try await nbdinfo("\(lease.uri)?tls-psk-file=\(wrong)").status != 0)
            #expect(try await bench.scout("release", "\(lease.port)").status == 0)
            #expect(access(key, F_OK) != 0)
        }
    }

    @Test func anIdleGateLeaves() async throws {
        try await Workbench.with { bench in
            let lease = try await serve(bench, "--idle-timeout", "1")
            try await Task.sleep(for: .milliseconds(1500))
            try await eventually("gate gone") { !isAlive(lease.pid) }
            #expect(try await ports(bench).ports.first?.state == .free)
        }
    }

    @Test func clientsBeyondTheLimitAreTurnedAwayAndCounted() async throws {
        try await Workbench.with { bench in
            let lease = try await serve(bench, "--max-clients", "1")
            try await withClient(of: lease) {
                try await eventually("a server for the client") { try !children(of: lease.pid).isEmpty }
                #expect(try await bench.tool("nbdinfo")(lease.uri).status != 0)
                let traffic = try await ports(bench).ports.first?.lease?.traffic
                #expect(traffic?.connections == 1)
                #expect(traffic?.refused == 1)
                #expect(traffic?.clients.count == 1)
                #expect(traffic.map { $0.bytesSent >= 18 } == true)
            }
        }
    }

    @Test func aPartOfTheSourceIsExported() async throws {
        let bytes = (0..<65536).map { UInt8(truncatingIfNeeded: $0 / 512) }
        try await Workbench.with(evidence: bytes) { bench in
            let lease = try await serve(bench, "--offset", "512", "--length", "1K")
            #expect(try await bench.tool("nbdinfo")("--size", lease.uri).output == "1024\n")
            let copy = bench.directory + "/copy"
            #expect(try await bench.tool("nbdcopy")(lease.uri, copy).status == 0)
            #expect(try File.read(copy) == Array(bytes[512..<1536]))
        }
    }

    @Test func badInputIsOneLineWithAHint() async throws {
        try await Workbench.with { bench in
            for (arguments, status, word) in [
                (["serve", "nbd", "evidence7"], 66, "known: evidence0"),
                (["serve", "nbd", "/nowhere"], 66, "/nowhere"),
                (["serve", "nbd", "evidence0", "--port", "80"], 64, "2000"),
                (["serve", "nbd", "evidence0", "--partition", "3"], 66, "no partition table"),
                (["serve", "nbd", "evidence0", "--offset", "2M"], 74, "can't be exported"),
                (["serve", "nbd", "evidence0", "--offset", "1M"], 74, "none from 1048576 on"),
                (["serve", "nbd", "evidence0", "--length", "0"], 74, "no bytes of it were asked for"),
                (["serve", "nbd", "/dev/null"], 66, "neither"), (["release", "2003"], 64, "no port is leased"),
                (["release", "ghost"], 64, "ghost"),
            ] as [([String], Int32, String)] {
                let outcome = try await bench.scout.run(arguments)
                #expect(outcome.status == status, "\(arguments): \(outcome.errors)")
                #expect(outcome.errors.contains(word), "\(arguments): \(outcome.errors)")
                #expect(outcome.errors.split(separator: "\n").count <= 2, "\(arguments): \(outcome.errors)")
                #expect(outcome.output.isEmpty)
            }
            #expect(try await ports(bench).ports.allSatisfy { $0.state == .free })
        }
    }

    @Test func missingServerNamesThePackage() async throws {
        try await Workbench.with { bench in
            var scout = bench.scout
            let empty = bench.directory + "/bin"
            mkdir(empty, 0o700)
            scout.environment["PATH"] = empty
            let outcome = try await scout("serve", "nbd", "evidence0")
            #expect(outcome.status == 69)
            #expect(outcome.errors.contains("apt-get install nbdkit"))
        }
    }

    /// Holds a connection to an export while the body runs, as a client or without a word.
    private func withClient(
        of lease: LeaseReport, handshake: Bool = true, _ body: () async throws -> Void
    ) async throws {
        let parts = lease.bind.split(separator: ":")
        let address = try #require(parts.first.flatMap { IPAddress(String($0)) })
        let client = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        defer { close(client) }
        try #require(address.withSocketAddress(port: lease.port) { connect(client, $0, $1) } == 0)
        var greeting = [UInt8](repeating: 0, count: 18)
        #expect(recv(client, &greeting, greeting.count, CInt(MSG_WAITALL)) == 18)
        if handshake {
            // NBD_FLAG_C_FIXED_NEWSTYLE and NO_ZEROES, then NBD_OPT_EXPORT_NAME of the empty name: size and flags follow.
            let words: [UInt8] = [0, 0, 0, 3] + Array("IHAVEOPT".utf8) + [0, 0, 0, 1, 0, 0, 0, 0]
            #expect(send(client, words, words.count, 0) == words.count)
            var export = [UInt8](repeating: 0, count: 10)
            #expect(recv(client, &export, export.count, CInt(MSG_WAITALL)) == 10)
        }
        try await body()
    }
}
