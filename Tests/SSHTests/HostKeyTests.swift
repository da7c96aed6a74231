import Foundation
import Glibc
import Testing

@testable import SSH

@Suite(.timeLimit(.minutes(2))) struct HostKeyTests {
    @Test func unknownKeyIsKnownOnceRemembered() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.connect()
            #expect(try await session.hostKeyStatus() == .unknown)
            try await session.rememberHostKey()

            let again = try await server.connect()
            let key = try await again.hostKey()
            #expect(key.type == "ssh-ed25519")
            let listed = try OpenSSHServer.run("ssh-keygen", "-lf", server.directory + "/host_key.pub")
            #expect(listed.contains(" \(key.fingerprint) "))
            #expect(
                try await again.hostKeyStatus()
                    == .known(KnownHostKey(key: key, file: server.knownHosts, line: 1)))
            // OpenSSH finds it under the same name.
            let found = try OpenSSHServer.run(
                "ssh-keygen", "-F", "[\(server.address)]:\(server.port)", "-f", server.knownHosts)
            #expect(found.contains("found: line 1"))

            var status = stat()
            stat(server.knownHosts, &status)
            #expect(status.st_mode & 0o777 == 0o600)
            stat(String(server.knownHosts.dropLast("/known_hosts".count)), &status)
            #expect(status.st_mode & 0o777 == 0o700)
        }
    }

    @Test func changedKeyIsToldWithTheKeysThatAreKnown() async throws {
        try await OpenSSHServer.with { server in
            let other = server.directory + "/other"
            try OpenSSHServer.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other)
            try write(server, "# a comment\n\n" + line(server, other))
            guard case .changed(let known) = try await server.connect().hostKeyStatus() else {
                Issue.record("not changed")
                return
            }
            let listed = try OpenSSHServer.run("ssh-keygen", "-lf", other + ".pub")
            #expect(known.count == 1)
            #expect(listed.contains(" \(known.first?.key.fingerprint ?? "nothing") "))
            #expect(known.first?.line == 3)
        }
    }

    @Test func keyOfAnotherTypeIsNotAnUnknownHost() async throws {
        try await OpenSSHServer.with { server in
            let other = server.directory + "/other"
            try OpenSSHServer.run("ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", other)
            try write(server, line(server, other))
            guard case .otherType(let known) = try await server.connect().hostKeyStatus() else {
                Issue.record("not another type")
                return
            }
            #expect(known.first?.key.type == "ecdsa-sha2-nistp256")
        }
    }

    @Test func revokedKeyIsRefusedThoughItIsListed() async throws {
        try await OpenSSHServer.with { server in
            let key = try line(server, server.directory + "/host_key")
            try write(server, key + "@revoked " + key)
            guard case .revoked = try await server.connect().hostKeyStatus() else {
                Issue.record("not revoked")
                return
            }
        }
    }

    @Test func hashedNamesAreFoundAndLinesOfNoUseArePassedOver() async throws {
        try await OpenSSHServer.with { server in
            let key = try line(server, server.directory + "/host_key")
            try write(server, key)
            try OpenSSHServer.run("ssh-keygen", "-q", "-H", "-f", server.knownHosts)
            let hashed = try String(contentsOfFile: server.knownHosts, encoding: .utf8)
            #expect(!hashed.contains(server.address))
            try write(server, "[\(server.address)]:\(server.port) ssh-unheard-of AAAA\nnonsense\n" + hashed)
            guard case .known(let known) = try await server.connect().hostKeyStatus() else {
                Issue.record("not known")
                return
            }
            #expect(known.line == 3)
        }
    }

    @Test func rsaKeyThatIsKnownIsAskedForAmongLinesThatCannotBeRead() async throws {
        let rsa = try OpenSSHServer.makeDirectory() + "/rsa"
        defer { try? FileManager.default.removeItem(atPath: String(rsa.dropLast("/rsa".count))) }
        try OpenSSHServer.run("ssh-keygen", "-q", "-t", "rsa", "-N", "", "-f", rsa)
        try await OpenSSHServer.with(.init(configuration: ["HostKey \(rsa)"])) { server in
            let name = "[\(server.address)]:\(server.port)"
            try write(server, "\(name) 1024 35 123456789\n\(name) ssh-dss AAAA\n" + line(server, rsa))
            let session = try await server.connect()
            #expect(try await session.hostKey().type == "ssh-rsa")
            guard case .known = try await session.hostKeyStatus() else {
                Issue.record("not known")
                return
            }
        }
    }

    @Test func rememberingDoesNotJoinAnUnfinishedLine() async throws {
        try await OpenSSHServer.with { server in
            try write(server, "# no end of line")
            let session = try await server.connect()
            try await session.rememberHostKey()
            let lines = try String(contentsOfFile: server.knownHosts, encoding: .utf8).split(separator: "\n")
            #expect(lines.count == 2)
            guard case .known = try await session.hostKeyStatus() else {
                Issue.record("not known")
                return
            }
        }
    }

    private func line(_ server: OpenSSHServer, _ key: String) throws -> String {
        let text = try String(contentsOfFile: key + ".pub", encoding: .utf8)
        return "[\(server.address)]:\(server.port) \(text)"
    }

    private func write(_ server: OpenSSHServer, _ text: String) throws {
        try FileManager.default.createDirectory(
            atPath: String(server.knownHosts.dropLast("/known_hosts".count)), withIntermediateDirectories: true)
        try text.write(toFile: server.knownHosts, atomically: true, encoding: .utf8)
    }
}
