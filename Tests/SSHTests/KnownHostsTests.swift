import Foundation
import Glibc
import Testing

@testable import SSH

/// What a known_hosts file says, line by line, and what is added to it; without a server.
@Suite struct KnownHostsTests {
    private static let own = "AAAAC3NzaC1lZDI1NTE5AAAAIEg7zdLLQzd4CNgV0UUWjomY7wDy+Xdl+KKqf81ixcFp"
    private static let other = "AAAAC3NzaC1lZDI1NTE5AAAAIJJMRUAbulQhMTZ0aZygriOZ3KnyMKO3sOheTUCPSr/o"

    private func inDirectory(_ body: (String) async throws -> Void) async throws {
        let directory = try OpenSSHServer.makeDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try await body(directory)
    }

    private func status(_ text: String, _ host: String, _ port: UInt16 = 22) async throws -> HostKeyStatus {
        let key = try #require(Base64.decode(Self.own.utf8).flatMap { PublicKey($0) })
        var status: HostKeyStatus?
        try await inDirectory {
            let file = $0 + "/known_hosts"
            try Data(text.utf8).write(to: URL(fileURLWithPath: file))
            status = try KnownHosts(own: file, others: []).status(of: key, host: host, port: port)
        }
        return try #require(status)
    }

    @Test func aNegatedPatternExcludesTheHost() async throws {
        #expect(try await status("!127.1.0.2,127.1.0.* ssh-ed25519 \(Self.own)\n", "127.1.0.2") == .unknown)
        #expect(try await status("*,!127.1.0.2 ssh-ed25519 \(Self.own)\n", "127.1.0.2") == .unknown)
        #expect(try await status("*,!127.1.0.2 ssh-ed25519 \(Self.own)\n", "127.1.0.3") != .unknown)
    }

    /// OpenSSH itself overlooks the second form, which only ever lets somebody in.
    @Test(arguments: ["@revoked\t*\tssh-ed25519\t", "@revoked\t* ssh-ed25519 ", "  @revoked \t * \t ssh-ed25519\t"])
    func aRevocationCountsWhateverBlanksFollow(start: String) async throws {
        let text = "* ssh-ed25519 \(Self.own)\n\(start)\(Self.own) comment\r\n"
        guard case .revoked(let place) = try await status(text, "scout.example") else {
            Issue.record("not revoked")
            return
        }
        #expect(place.line == 2)
    }

    @Test func aNameWithPort22IsTheNameOfNobody() async throws {
        #expect(try await status("[scout.example]:22 ssh-ed25519 \(Self.own)\n", "scout.example") == .unknown)
    }

    @Test func aKeyKnownByTheBareNameCountsOnAnotherPortUnlessThatPortIsKnown() async throws {
        let bare = "scout.example ssh-ed25519 \(Self.own)\n"
        guard case .known = try await status(bare, "Scout.Example", 2022) else {
            Issue.record("not known")
            return
        }
        let mixed = bare + "[scout.example]:2022 ssh-ed25519 \(Self.other)\n"
        guard case .changed = try await status(mixed, "scout.example", 2022) else {
            Issue.record("not changed")
            return
        }
        #expect(try await status("scout.example ssh-ed25519 \(Self.other)\n", "scout.example", 2022) == .unknown)
    }

    @Test func linesThatCannotBeReadChangeNothing() async throws {
        let rsa = Data(
            [0, 0, 0, 7] + Array("ssh-rsa".utf8) + [0, 0, 0, 3, 1, 0, 1, 0, 0, 1, 1, 0]
                + [UInt8](repeating: 0xa7, count: 256)
        ).base64EncodedString()
        try await inDirectory { directory in
            let file = directory + "/known_hosts"
            let text = """
                scout.example 1024 35 123456789
                scout.example ssh-unheard-of AAAA
                scout.example ssh-ed25519 AAAAC3Nza
                scout.example\tssh-rsa\t\(rsa)\r
                """
            try Data(text.utf8).write(to: URL(fileURLWithPath: file))
            let known = KnownHosts(own: directory + "/none", others: [file])
            let algorithms = try known.algorithms(host: "scout.example", port: 22)
            #expect(algorithms.prefix(3) == ["rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519"])
            #expect(try known.algorithms(host: "another.example", port: 22).first == "ssh-ed25519")
        }
    }

    @Test func aPatternOfManyStarsTakesNoTime() {
        let pattern = Array(String(repeating: "*a", count: 400).utf8) + [98]
        let began = ContinuousClock.now
        #expect(!KnownHostsLine.matches([UInt8](repeating: 97, count: 4000), pattern))
        #expect(ContinuousClock.now - began < .seconds(2))
        #expect(KnownHostsLine.matches(Array("scout.example".utf8), Array("s*t?e*".utf8)))
        #expect(!KnownHostsLine.matches([], Array("?".utf8)) && KnownHostsLine.matches([], Array("**".utf8)))
    }

    @Test func aPipeIsNotWaitedFor() async throws {
        try await inDirectory { directory in
            let path = directory + "/pipe"
            #expect(mkfifo(path, 0o600) == 0)
            let bytes = try KnownHostsFile.read(path)
            #expect(bytes.isEmpty)
            let error = await failure { try KnownHostsFile.add("a b c", to: path) }
            #expect(error?.kind == .local && error?.message.contains("regular") == true)
        }
    }

    @Test func twentyAtOnceLeaveTwentyWholeLinesAndNoneTwice() async throws {
        try await inDirectory { directory in
            let path = directory + "/new/config/known_hosts"
            await withTaskGroup(of: Void.self) { group in
                for index in 0..<40 {
                    let line = "host\(index % 20) ssh-ed25519 " + String(repeating: "x", count: 3000)
                    group.addTask {
                        let error = await failure { try KnownHostsFile.add(line, to: path) }
                        #expect(error == nil)
                    }
                }
            }
            let lines = String(decoding: try KnownHostsFile.read(path), as: UTF8.self).split(separator: "\n")
            #expect(lines.count == 20 && Set(lines).count == 20 && lines.allSatisfy { $0.hasSuffix("xxx") })
        }
    }

    @Test func aDiskThatIsFullLeavesTheFileAsItWas() async throws {
        try await inDirectory { directory in
            let path = directory + "/known_hosts"
            try Data("host ssh-ed25519 AAAA\nunfinished".utf8).write(to: URL(fileURLWithPath: path))
            // A file may grow to 50 bytes here: the first write is short, the second fails.
            await #expect(processExitsWith: .success) { [path = path as String] in
                signal(SIGXFSZ, SIG_IGN)
                var limit = rlimit(rlim_cur: 50, rlim_max: 50)
                guard setrlimit(__rlimit_resource_t(1), &limit) == 0 else { exit(3) }
                do {
                    try KnownHostsFile.add("other ssh-ed25519 AAAAAAAAAAAAAAAAAAAAAAAAAAAA", to: path)
                    exit(4)
                } catch let error as SSHError {
                    exit(error.kind == .local && error.code == EFBIG ? 0 : 5)
                } catch {
                    exit(6)
                }
            }
            let bytes = try KnownHostsFile.read(path)
            #expect(bytes == Array("host ssh-ed25519 AAAA\nunfinished".utf8))
        }
    }

    @Test func aDirectoryThatIsNotOursIsSaidSo() async {
        let error = await failure { try KnownHostsFile.add("a b c", to: "/proc/1/nothing/known_hosts") }
        #expect(error?.kind == .local && error?.operation.contains("/proc/1/nothing/known_hosts") == true)
    }
}
