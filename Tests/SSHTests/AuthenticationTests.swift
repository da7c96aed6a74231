import Foundation
import Glibc
import Testing

@testable import SSH

@Suite(.timeLimit(.minutes(2))) struct AuthenticationTests {
    @Test func identityFileIsEnoughAndMissingOnesArePassedOver() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.connect()
            try await session.authenticate(
                with: [.identity(path: "/nonexistent/id_rsa"), .identity(path: server.identity)],
                deadline: .seconds(20)
            ) { _, _ in nil }
            #expect(try await session.run("id -un", deadline: .seconds(20)).stdout == Array((server.user + "\n").utf8))
        }
    }

    @Test func encryptedIdentityAsksUntilThePassphraseIsRight() async throws {
        try await OpenSSHServer.with { server in
            try OpenSSHServer.run("ssh-keygen", "-q", "-p", "-N", "correct horse", "-f", server.identity)
            let answers = Answers("wrong", "correct horse")
            let session = try await server.connect()
            try await session.authenticate(
                with: [.identity(path: server.identity)], deadline: .seconds(20), prompt: answers.prompt)
            #expect(answers.asked == Array(repeating: "Passphrase for \(server.identity): ", count: 2))
        }
    }

    @Test func aQuestionSaysWhatItIsAboutAndNobodyAnswersForOneWhoRefuses() async throws {
        try await OpenSSHServer.with(.init(configuration: ["PasswordAuthentication yes"])) { server in
            try OpenSSHServer.run("ssh-keygen", "-q", "-p", "-N", "secret", "-f", server.identity)
            let credentials = [Credential.identity(path: server.identity), .password]
            let daemon = try await server.connect()
            let error = await failure {
                try await daemon.authenticate(
                    with: credentials, deadline: .seconds(20), prompter: RefusingPrompter())
            }
            #expect(error?.kind == .denied)
            #expect(
                error?.message.contains("(no passphrase), password (no password)") == true, "\(error?.message ?? "")")

            let recorder = Recorder()
            let session = try await server.connect()
            _ = await failure {
                try await session.authenticate(with: credentials, deadline: .seconds(20), prompter: recorder)
            }
            #expect(
                recorder.questions.map(\.subject) == [
                    .passphrase(identity: server.identity), .password(user: server.user, host: server.address),
                ])
            #expect(recorder.questions.allSatisfy { !$0.isAnswerShown })
        }
    }

    @Test func nobodyIsAskedForThePassphraseOfAKeyThatTheServerRefuses() async throws {
        try await OpenSSHServer.with { server in
            let key = server.directory + "/stranger"
            try OpenSSHServer.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", key)
            let answers = Answers("secret")
            let session = try await server.connect()
            let error = await failure {
                try await session.authenticate(
                    with: [.identity(path: key)], deadline: .seconds(20), prompt: answers.prompt)
            }
            #expect(answers.asked.isEmpty)
            #expect(error?.kind == .denied)
        }
    }

    @Test func refusalSaysWhatTheServerTakesAndWhatWasTried() async throws {
        try await OpenSSHServer.with(.init(configuration: ["PasswordAuthentication yes"])) { server in
            let key = server.directory + "/stranger"
            try OpenSSHServer.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
            let session = try await server.connect()
            let error = await failure {
                try await session.authenticate(
                    with: [.identity(path: "/nonexistent/key"), .identity(path: key), .password],
                    deadline: .seconds(20)
                ) { _, _ in nil }
            }
            #expect(error?.kind == .denied)
            #expect(error?.offeredMethods == ["publickey", "password"])
            #expect(error?.message.contains("/nonexistent/key (no such file), \(key) (refused)") == true)
            #expect(error?.message.contains("password (no password)") == true)
            #expect(await failure { try await session.run("true", deadline: .seconds(5)) }?.kind == .denied)
        }
    }

    @Test func serverThatHasHadEnoughIsADisconnect() async throws {
        try await OpenSSHServer.with(.init(configuration: ["MaxAuthTries 2"])) { server in
            let keys = (0..<4).map { server.directory + "/stranger\($0)" }
            for key in keys { try OpenSSHServer.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key) }
            let session = try await server.connect()
            let error = await failure {
                try await session.authenticate(
                    with: keys.map { .identity(path: $0) }, deadline: .seconds(20)
                ) { _, _ in nil }
            }
            #expect(error?.kind == .disconnected)
            #expect(error?.message.contains("Too many authentication failures") == true)
        }
    }

    @Test func agentSignsWithItsKeys() async throws {
        try await OpenSSHServer.with { server in
            let socket = server.directory + "/agent"
            let agent = try OpenSSHServer.spawn(
                ["/usr/bin/ssh-agent", "-D", "-a", socket], log: server.directory + "/agent.log")
            defer {
                kill(agent, SIGKILL)
                var status: CInt = 0
                waitpid(agent, &status, 0)
            }
            #expect(await eventually { access(socket, F_OK) == 0 })
            let stranger = server.directory + "/stranger"
            try OpenSSHServer.run("ssh-keygen", "-q", "-t", "rsa", "-b", "3072", "-N", "", "-f", stranger)
            for key in [stranger, server.identity] {
                try OpenSSHServer.run("env", "SSH_AUTH_SOCK=\(socket)", "ssh-add", "-q", key)
            }
            let session = try await server.connect()
            try await session.authenticate(with: [.agent(socket: socket)], deadline: .seconds(20)) { _, _ in nil }
            #expect(try await session.run("echo in", deadline: .seconds(20)).stdout == Array("in\n".utf8))
        }
    }

    @Test func agentThatNeverAnswersIsPassedOver() async throws {
        try await OpenSSHServer.with { server in
            let path = server.directory + "/mute"
            let mute = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
            defer { close(mute) }
            var name = sockaddr_un()
            name.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: path.utf8) }
            withUnsafePointer(to: &name) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    _ = bind(mute, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            listen(mute, 4)
            let session = try await server.connect()
            let began = ContinuousClock.now
            try await session.authenticate(
                with: [.agent(socket: path), .agent(socket: "/nonexistent"), .identity(path: server.identity)],
                deadline: .seconds(20), agentDeadline: .milliseconds(500)
            ) { _, _ in nil }
            #expect(ContinuousClock.now - began < .seconds(30))
        }
    }

    @Test(.enabled(if: canTestAsRoot, "needs root: the account's password is laid over /etc/shadow"))
    func passwordIsAskedForAgainWhenItIsWrong() async throws {
        let options = OpenSSHServer.Options(configuration: ["PasswordAuthentication yes"], password: "open sesame")
        try await OpenSSHServer.with(options) { server in
            let answers = Answers("wrong", "open sesame")
            let session = try await server.connect()
            try await session.authenticate(with: [.password], deadline: .seconds(20), prompt: answers.prompt)
            #expect(answers.asked == Array(repeating: "Password for \(server.user)@\(server.address): ", count: 2))
            #expect(try await session.run("echo in", deadline: .seconds(20)).stdout == Array("in\n".utf8))
        }
    }

    @Test(.enabled(if: canTestAsRoot, "needs root: PAM asks for a password laid over /etc/shadow"))
    func questionsOfTheServerAreAnswered() async throws {
        let options = OpenSSHServer.Options(
            configuration: ["KbdInteractiveAuthentication yes", "UsePAM yes"], password: "open sesame")
        try await OpenSSHServer.with(options) { server in
            let answers = Answers("open sesame")
            let session = try await server.connect()
            try await session.authenticate(
                with: [.keyboardInteractive], deadline: .seconds(20), prompt: answers.prompt)
            #expect(answers.asked == ["(\(server.user)@\(server.address)) Password: "])
        }
    }

    @Test func noLineOfTheServersPassesForAQuestionOfOurs() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.connect()
            let trap = "hello\r\nPassphrase for /home/me/.ssh/id_ed25519: \u{2028}Password: \u{85}\n"
            let lines = session.told(trap).split(separator: "\n", omittingEmptySubsequences: false)
            #expect(lines.count == 5 && lines.allSatisfy { $0.hasPrefix("(\(server.user)@\(server.address)) ") })
        }
    }

    @Test(.enabled(if: canTestAsRoot, "needs root: the account's password is laid over /etc/shadow"))
    func serverThatWantsTwoMethodsGetsBoth() async throws {
        let options = OpenSSHServer.Options(
            configuration: ["PasswordAuthentication yes", "AuthenticationMethods publickey,password"],
            password: "open sesame")
        try await OpenSSHServer.with(options) { server in
            let session = try await server.connect()
            try await session.authenticate(
                with: [.identity(path: server.identity), .password], deadline: .seconds(20),
                prompt: Answers("open sesame").prompt)
            #expect(try await session.run("echo in", deadline: .seconds(20)).stdout == Array("in\n".utf8))
        }
    }

    @Test(arguments: [(0, SSHError.Kind.denied), (120_000, .deadline)] as [(UInt32, SSHError.Kind)])
    func roundsWithoutAQuestionComeToAnEnd(pause: UInt32, kind: SSHError.Kind) async throws {
        let directory = try OpenSSHServer.makeDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try OpenSSHServer.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory + "/key")
        let server = ScriptedServer("127.63.0.5", hostKey: directory + "/key", .asksNothing(pause))
        let session = try await Session.connect(
            socket: OpenSSHServer.dial(server.address, server.port), host: server.address, port: server.port,
            user: "root", knownHosts: KnownHosts(own: "/nonexistent/known_hosts", others: []), deadline: .seconds(10))
        let began = ContinuousClock.now
        let error = await failure {
            try await session.authenticate(
                with: [.keyboardInteractive], deadline: .seconds(10), loginDeadline: .seconds(3)
            ) { _, _ in "answer" }
        }
        #expect(error?.kind == kind, "\(error?.description ?? "no error")")
        #expect(error?.message.contains(kind == .denied ? "asks without end" : "within 3 s") == true)
        #expect(ContinuousClock.now - began < .seconds(8))
    }

    @Test func timeOfThePersonIsNotTheServers() async throws {
        try await OpenSSHServer.with { server in
            try OpenSSHServer.run("ssh-keygen", "-q", "-p", "-N", "correct horse", "-f", server.identity)
            let session = try await server.connect()
            try await session.authenticate(
                with: [.identity(path: server.identity)], deadline: .seconds(10), loginDeadline: .seconds(2)
            ) { _, _ in
                try await Task.sleep(for: .seconds(3))
                return "correct horse"
            }
            #expect(try await session.run("echo in", deadline: .seconds(20)).stdout == Array("in\n".utf8))
        }
    }
}
