import Core
import Foundation
import Glibc
import Platform
import SSH
import Testing

@testable import Sessions

extension OpenSSHServer {
    /// A connector that knows nothing of the user who runs the tests.
    func connector(terminal: any Prompter = RefusingPrompter(), acceptedHostKey: String? = nil) -> Connector {
        var connector = Connector(
            paths: Paths(environment: ["HOME": directory]), identity: identity, acceptedHostKey: acceptedHostKey,
            prompter: terminal)
        connector.knownHosts.own = knownHosts
        return connector
    }

    func target() throws -> Address {
        try #require(Address("\(user)@\(address):\(port)"))
    }

    /// A session to a host whose key has been accepted.
    func session() async throws -> Session {
        try await connector(acceptedHostKey: fingerprint()).connect(to: target())
    }

    func fingerprint() throws -> String {
        let words = try Self.run("ssh-keygen", "-lf", directory + "/host_key.pub").split(separator: " ")
        return String(words[1])
    }
}

/// The error of an operation that must fail.
func failure(of operation: () async throws -> some Any) async -> ScoutError? {
    do {
        _ = try await operation()
        return nil
    } catch {
        return error as? ScoutError
    }
}

@Suite(.timeLimit(.minutes(2))) struct ConnectorTests {
    @Test func unknownHostIsRefusedWhereNobodyCanBeAsked() async throws {
        try await OpenSSHServer.with { server in
            let error = await failure { try await server.connector().connect(to: server.target()) }
            let fingerprint = try server.fingerprint()
            #expect(error?.code == .refused)
            #expect(error?.message.contains("ssh-ed25519 \(fingerprint)") == true)
            #expect(error?.hint?.hasSuffix("--accept-host-key \(fingerprint)") == true)
            #expect(access(server.knownHosts, F_OK) != 0)
        }
    }

    @Test func acceptedFingerprintIsRememberedAndAnotherIsRefused() async throws {
        try await OpenSSHServer.with { server in
            let wrong = server.connector(acceptedHostKey: "SHA256:" + String(repeating: "A", count: 43))
            #expect(await failure { try await wrong.connect(to: server.target()) }?.code == .refused)

            let fingerprint = try server.fingerprint()
            let session = try await server.connector(acceptedHostKey: fingerprint).connect(to: server.target())
            #expect(try await session.run("echo in", deadline: .seconds(20)).stdout == Array("in\n".utf8))
            _ = try await server.connector().connect(to: server.target())
        }
    }

    @Test(arguments: ["yes", "FINGERPRINT"])
    func personAtTheTerminalAcceptsAnUnknownHost(answer: String) async throws {
        try await OpenSSHServer.with { server in
            let pair = PseudoTerminalPair()
            let fingerprint = try server.fingerprint()
            async let session = server.connector(terminal: Terminal(path: pair.path)).connect(to: server.target())
            try await pair.type("perhaps\n", after: "\(fingerprint)\r\nIs it the right one")
            try await pair.type((answer == "yes" ? answer : fingerprint) + "\n", after: "Please answer")
            #expect(try await session.run("true", deadline: .seconds(20)).status == .exited(0))
            #expect(try await session.hostKeyStatus() != .unknown)
        }
    }

    @Test func personAtTheTerminalRefusesAnUnknownHost() async throws {
        try await OpenSSHServer.with { server in
            let pair = PseudoTerminalPair()
            async let error = failure {
                try await server.connector(terminal: Terminal(path: pair.path)).connect(to: server.target())
            }
            try await pair.type("no\n", after: "Is it the right one")
            #expect(await error?.code == .refused)
            #expect(access(server.knownHosts, F_OK) != 0)
        }
    }

    @Test func changedHostKeyIsRefusedAndTheHintMendsIt() async throws {
        var before = OpenSSHServer.Options()
        try await OpenSSHServer.with { old in
            _ = try await old.session()
            before.endpoint = (old.address, old.port)
            let known = try String(contentsOfFile: old.knownHosts, encoding: .utf8)
            let oldFingerprint = try old.fingerprint()
            old.end()
            try await OpenSSHServer.with(before) { new in
                try FileManager.default.createDirectory(
                    atPath: new.directory + "/config/scout", withIntermediateDirectories: true)
                try known.write(toFile: new.knownHosts, atomically: true, encoding: .utf8)
                let fingerprint = try new.fingerprint()
                let connector = new.connector(acceptedHostKey: fingerprint)
                let error = await failure { try await connector.connect(to: new.target()) }
                #expect(error?.code == .refused)
                #expect(error?.message.contains(oldFingerprint) == true)
                #expect(error?.message.contains(fingerprint) == true)
                let command = try #require(error?.hint?.split(separator: ": ").last)
                try OpenSSHServer.run("sh", "-c", String(command))
                _ = try await connector.connect(to: new.target())
            }
        }
    }

    @Test func hostThatIsNotThereIsUnreachable() async throws {
        let (listener, port) = OpenSSHServer.listen("127.63.0.3")
        let target = try #require(Address("127.63.0.3:\(port)"))
        var connector = Connector(paths: Paths(environment: ["HOME": "/nonexistent"]), prompter: RefusingPrompter())
        connector.deadline = .milliseconds(500)
        let began = ContinuousClock.now
        let silent = await failure { try await connector.connect(to: target) }
        #expect(silent?.code == .unreachable)
        #expect(silent?.message.contains("no answer") == true)
        #expect(ContinuousClock.now - began < .seconds(10))
        close(listener)
        #expect(await failure { try await connector.connect(to: target) }?.code == .unreachable)
    }

    @Test func refusedLoginSaysWhatTheServerTakes() async throws {
        try await OpenSSHServer.with { server in
            let stranger = server.directory + "/stranger"
            try OpenSSHServer.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", stranger)
            var connector = server.connector(acceptedHostKey: try server.fingerprint())
            connector.identity = stranger
            let error = await failure { try await connector.connect(to: server.target()) }
            #expect(error?.code == .refused)
            #expect(error?.message.contains("the server takes publickey") == true)
            #expect(error?.hint?.contains("--identity") == true)

            connector.identity = "/nonexistent/key"
            #expect(await failure { try await connector.connect(to: server.target()) }?.code == .noSource)
        }
    }

    @Test func passphraseIsAskedForAndNeverShown() async throws {
        try await OpenSSHServer.with { server in
            try OpenSSHServer.run("ssh-keygen", "-q", "-p", "-N", "open sesame", "-f", server.identity)
            let pair = PseudoTerminalPair()
            let connector = server.connector(
                terminal: Terminal(path: pair.path), acceptedHostKey: try server.fingerprint())
            async let session = connector.connect(to: server.target())
            try await pair.type("open sesame\n", after: "Passphrase for \(server.identity): ")
            #expect(try await session.run("true", deadline: .seconds(20)).status == .exited(0))
            #expect(!pair.screen.contains("sesame"))
            #expect(pair.echoes)
        }
    }

    @Test func protocolFailureIsNoUnreachableHost() async throws {
        let options = OpenSSHServer.Options(configuration: ["KexAlgorithms sntrup761x25519-sha512@openssh.com"])
        try await OpenSSHServer.with(options) { server in
            let error = await failure { try await server.connector().connect(to: server.target()) }
            #expect(error?.code == .protocolViolation)
        }
    }
}
