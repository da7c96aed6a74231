import CLibSSH
import Glibc
import Testing

@testable import SSH

@Suite(.timeLimit(.minutes(2))) struct ConnectionTests {
    @Test func keyExchangeGivesUpOnASocketThatNeverAnswers() async throws {
        let (listener, port) = OpenSSHServer.listen("127.63.0.1")
        defer { close(listener) }
        let began = ContinuousClock.now
        let error = await failure {
            try await Session.connect(
                socket: OpenSSHServer.dial("127.63.0.1", port), host: "127.63.0.1", port: port, user: "root",
                knownHosts: KnownHosts(own: "/nonexistent/known_hosts", others: []), deadline: .milliseconds(400))
        }
        #expect(error?.kind == .deadline)
        #expect(ContinuousClock.now - began > .milliseconds(390))
        #expect(ContinuousClock.now - began < .seconds(10))
    }

    @Test(arguments: [
        ("HTTP/1.1 400 Bad Request " + String(repeating: "x", count: 400), SSHError.Kind.protocolFailure),
        ("", SSHError.Kind.linkLost),
    ])
    func peerThatSpeaksNoSSHIsToldFromOneThatHangsUp(says: String, kind: SSHError.Kind) async throws {
        let (listener, port) = OpenSSHServer.listen("127.63.0.2")
        defer { close(listener) }
        let client = try OpenSSHServer.dial("127.63.0.2", port)
        let peer = accept(listener, nil, nil)
        write(peer, says, says.utf8.count)
        if says.isEmpty { close(peer) }
        defer { if !says.isEmpty { close(peer) } }
        let error = await failure {
            try await Session.connect(
                socket: client, host: "127.63.0.2", port: port, user: "root",
                knownHosts: KnownHosts(own: "/nonexistent/known_hosts", others: []), deadline: .seconds(10))
        }
        #expect(error?.kind == kind)
        #expect(error?.operation == "key exchange")
    }

    @Test func serverWithoutACommonAlgorithmIsAProtocolFailure() async throws {
        let options = OpenSSHServer.Options(configuration: ["KexAlgorithms sntrup761x25519-sha512@openssh.com"])
        try await OpenSSHServer.with(options) { server in
            let error = await failure { try await server.connect() }
            #expect(error?.kind == .protocolFailure)
            #expect(error?.message.contains("no match") == true)
        }
    }

    @Test func bannersTellWhoAnswers() async throws {
        let banner = try OpenSSHServer.makeDirectory() + "/banner"
        try OpenSSHServer.run("sh", "-c", "printf 'Scout 7 (container)\\n' > '\(banner)'")
        try await OpenSSHServer.with(.init(configuration: ["Banner \(banner)"])) { server in
            let session = try await server.connect()
            #expect(await session.serverBanner?.hasPrefix("SSH-2.0-OpenSSH") == true)
            #expect(await session.issueBanner == nil)
            await #expect(throws: SSHError.self) {
                try await session.authenticate(with: [], deadline: .seconds(20)) { _, _ in nil }
            }
            #expect(await session.issueBanner == "Scout 7 (container)\n")
        }
        try OpenSSHServer.run("rm", "-r", String(banner.dropLast("/banner".count)))
    }

    @Test func cipherFollowsTheProcessor() async throws {
        try await OpenSSHServer.with { server in
            let cipher = try await server.connect().cipher
            let flags = try OpenSSHServer.run("sh", "-c", "grep -cw aes /proc/cpuinfo || true")
            // libssh names the cipher by what it is, without the domain.
            #expect(cipher?.hasPrefix(flags.hasPrefix("0") ? "chacha20-poly1305" : "aes128-gcm") == true)
        }
    }

    @Test func sessionsLeaveNoThreadAndNoDescriptorBehind() async throws {
        try await OpenSSHServer.with { server in
            func count(_ directory: String) throws -> Int {
                Int(try OpenSSHServer.run("sh", "-c", "ls /proc/\(getpid())/\(directory) | wc -l").dropLast()) ?? -1
            }
            _ = try await server.login().run("true", deadline: .seconds(20))
            // Other tests run meanwhile and come and go; what 50 sessions would leave is more than their noise.
            let (threads, descriptors) = (try count("task"), try count("fd"))
            for _ in 0..<50 {
                let session = try await server.login()
                #expect(try await session.run("echo x", deadline: .seconds(20)).stdout == Array("x\n".utf8))
            }
            let isClean = await eventually {
                ((try? count("task")) ?? 0) < threads + 25 && ((try? count("fd")) ?? 0) < descriptors + 40
            }
            #expect(isClean)
        }
    }

    @Test func closingWakesWhoeverWaits() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.login()
            let command = Task { try await session.run("sleep 60", deadline: .seconds(60)) }
            try await Task.sleep(for: .milliseconds(300))
            await session.close()
            #expect(await failure { try await command.value }?.kind == .closed)
            #expect(await failure { try await session.run("true", deadline: .seconds(5)) }?.kind == .closed)
            #expect(await session.isOpen == false)
        }
    }

    @Test func processMayEndWithoutClosingItsSessions() async throws {
        try await OpenSSHServer.with { server in
            for _ in 0..<10 {
                let (address, port, user, identity) = (server.address, server.port, server.user, server.identity)
                await #expect(processExitsWith: .success) {
                    [
                        address = address as String, port = port as UInt16, user = user as String,
                        identity = identity as String
                    ] in
                    for index in 0..<4 {
                        let session = try await Session.connect(
                            socket: OpenSSHServer.dial(address, port), host: address, port: port, user: user,
                            knownHosts: KnownHosts(own: "/nonexistent/known_hosts", others: []),
                            deadline: .seconds(20))
                        try await session.authenticate(
                            with: [.identity(path: identity)], deadline: .seconds(20)
                        ) { _, _ in nil }
                        // Some are busy, and one is being freed by its last reference, when the process ends.
                        if index < 3 {
                            Task { try await session.run("cat", stdin: noise(8 << 20), deadline: .seconds(20)) }
                        }
                        _ = try await session.run("echo x", deadline: .seconds(20))
                    }
                    exit(EXIT_SUCCESS)
                }
            }
        }
    }

    @Test func textBeforeTheIdentificationIsNoObstacle() async throws {
        try await OpenSSHServer.with { server in
            let text = "Hello from the gateway\r\n" + String(repeating: "long ", count: 900) + "\nSS\n\n"
            let relay = try StallingRelay(to: server, saying: text)
            defer { relay.end() }
            let session = try await server.login(over: relay.client)
            #expect(try await session.run("echo in", deadline: .seconds(20)).stdout == Array("in\n".utf8))
        }
    }

    @Test func aServerThatTalksAndHangsUpIsQuoted() async throws {
        let (listener, port) = OpenSSHServer.listen("127.63.0.6")
        defer { close(listener) }
        let client = try OpenSSHServer.dial("127.63.0.6", port)
        let peer = accept(listener, nil, nil)
        write(peer, "Exceeded MaxStartups\r\n", 22)
        close(peer)
        let error = await failure { try await connect(client, "127.63.0.6", port) }
        #expect(error?.message.contains("the server said \"Exceeded MaxStartups\"") == true)
    }

    @Test func aServerThatTalksWithoutEndIsNoSSHServer() async throws {
        let (listener, port) = OpenSSHServer.listen("127.63.0.7")
        defer { close(listener) }
        let client = try OpenSSHServer.dial("127.63.0.7", port)
        let peer = accept(listener, nil, nil)
        Thread.detach {
            let line = String(repeating: "y", count: 4000) + "\n"
            while send(peer, line, line.utf8.count, CInt(MSG_NOSIGNAL)) > 0 {}
            close(peer)
        }
        let began = ContinuousClock.now
        let error = await failure { try await connect(client, "127.63.0.7", port) }
        #expect(error?.kind == .protocolFailure && error?.message.contains("talks without end") == true)
        #expect(ContinuousClock.now - began < .seconds(9))
    }

    @Test func aDisconnectSaysWhatTheServerSaid() async throws {
        let directory = try OpenSSHServer.makeDirectory()
        defer { _ = try? OpenSSHServer.run("rm", "-r", directory) }
        try OpenSSHServer.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory + "/key")
        let server = ScriptedServer("127.63.0.8", hostKey: directory + "/key", .disconnects("Come: back later"))
        let session = try await connect(OpenSSHServer.dial(server.address, server.port), "scout_7%x", server.port)
        let error = await failure {
            try await session.authenticate(with: [.password], deadline: .seconds(10)) { _, _ in "x" }
        }
        #expect(error?.kind == .disconnected, "\(error?.description ?? "no error")")
        #expect(error?.message.contains("saying \"Come: back later\"") == true, "\(error?.message ?? "")")
    }

    @Test func aFailureOfNoKnownKindKeepsTheCodeAndTheWordsOfLibssh() async throws {
        try await OpenSSHServer.with { server in
            let error = await failure {
                try await Session.connect(
                    socket: server.dial(), host: server.address, port: server.port, user: "",
                    knownHosts: KnownHosts(own: server.knownHosts, others: []), deadline: .seconds(10))
            }
            #expect(error?.kind == .other && error?.code == CInt(SSH_FATAL.rawValue))
            #expect(error?.message.contains("ssh_options_set") == true, "\(error?.message ?? "no error")")
        }
    }

    private func connect(_ socket: CInt, _ host: String, _ port: UInt16) async throws -> Session {
        try await Session.connect(
            socket: socket, host: host, port: port, user: "root",
            knownHosts: KnownHosts(own: "/nonexistent/known_hosts", others: []), deadline: .seconds(10))
    }
}
