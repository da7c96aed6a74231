import Glibc
import Testing

@testable import SSH

@Suite(.timeLimit(.minutes(2))) struct LinkTests {
    private let impatient = Session.Liveness(probeInterval: .milliseconds(500), giveUp: .milliseconds(1500))

    @Test func peerThatFallsSilentIsNoticed() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.login(liveness: impatient)
            let command = Task { try await session.run("sleep 60", deadline: .seconds(60)) }
            try await Task.sleep(for: .milliseconds(300))
            for pid in server.connectionProcesses { kill(pid, SIGSTOP) }
            let began = ContinuousClock.now
            #expect(await failure { try await command.value }?.kind == .linkLost)
            #expect(ContinuousClock.now - began < .seconds(10))
            #expect(ContinuousClock.now - began > .seconds(1))
            #expect(await failure { try await session.run("true", deadline: .seconds(5)) }?.kind == .linkLost)
        }
    }

    @Test func everyWaiterLearnsThatTheLinkIsLost() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.login(liveness: impatient)
            let commands = (0..<3).map { _ in Task { try await session.run("sleep 60", deadline: .seconds(60)) } }
            let watcher = Task { try await session.ended() }
            try await Task.sleep(for: .milliseconds(500))
            for pid in server.connectionProcesses { kill(pid, SIGKILL) }
            for command in commands { #expect(await failure { try await command.value }?.kind == .linkLost) }
            #expect(try await watcher.value.kind == .linkLost)
        }
    }

    @Test(arguments: [SIGKILL, SIGSTOP])
    func everyKindOfWaiterLearnsThatTheServerIsGone(signal: CInt) async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.login(liveness: impatient)
            let channel = try await session.start("exec sleep 60")
            let listener = try await session.listenTCP(on: "127.0.0.1", port: 0)
            let input = TestPipe()
            let waiters = [
                Task { _ = try await channel.read() }, Task { _ = try await listener.accept() },
                Task { _ = try await session.exec("cat", stdin: input.reading, stdout: 2, stderr: 2) },
            ]
            try await Task.sleep(for: .milliseconds(500))
            for pid in server.connectionProcesses { kill(pid, signal) }
            for waiter in waiters { #expect(await failure { try await waiter.value }?.kind == .linkLost) }
            #expect(await failure { try await channel.write([0]) }?.kind == .linkLost)
        }
    }

    @Test func keepAlivesHoldAQuietLink() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.login(liveness: impatient)
            let output = try await session.run("sleep 4; echo still there", deadline: .seconds(30))
            #expect(output.stdout == Array("still there\n".utf8))
        }
    }

    @Test(.enabled(if: StallingRelay.canCut, "this user may not attach a filter to a socket"))
    func writerNoticesALinkThatIsCut() async throws {
        try await OpenSSHServer.with { server in
            let relay = try StallingRelay(to: server)
            defer { relay.end() }
            let session = try await server.login(over: relay.client, liveness: impatient)
            let zeros = open("/dev/zero", O_RDONLY | O_CLOEXEC)
            defer { close(zeros) }
            let writer = Task { try await session.exec("cat >/dev/null", stdin: zeros, stdout: 2, stderr: 2) }
            // Full buffers on the way: a `send` that waits for room would wait for ever.
            try await Task.sleep(for: .milliseconds(500))
            relay.cut()
            let began = ContinuousClock.now
            #expect(await failure { try await writer.value }?.kind == .linkLost)
            #expect(ContinuousClock.now - began < .seconds(20))
        }
    }

    @Test func aPeerThatDoesNotReadForALongTimeIsNoLostLink() async throws {
        try await OpenSSHServer.with { server in
            let relay = try StallingRelay(to: server)
            defer { relay.end() }
            let session = try await server.login(over: relay.client, liveness: impatient)
            let bytes = noise(64 << 20)
            async let output = session.run("wc -c", stdin: bytes, deadline: .seconds(60))
            try await Task.sleep(for: .milliseconds(200))
            relay.stall()
            // Four times as long as a silent peer gets.
            try await Task.sleep(for: .seconds(6))
            relay.resume()
            #expect(try await output.stdout == Array("\(64 << 20)\n".utf8))
        }
    }

    @Test func aReaderThatStandsStillForALongTimeIsNoLostLink() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.login(liveness: impatient)
            let (stalled, null) = (TestPipe(), open("/dev/null", O_WRONLY | O_CLOEXEC))
            defer { close(null) }
            // Talk on stderr has libssh take more than a window, until nothing is read from the connection any more.
            let line = "head -c 20000 /dev/zero; echo x >&2"
            let command = Task {
                try await session.exec(
                    "i=0; while [ $i -lt 2000 ]; do \(line); i=$((i+1)); done", stdin: nil, stdout: stalled.writing,
                    stderr: null)
            }
            try await Task.sleep(for: .seconds(6))
            async let rest = stalled.read()
            #expect(try await command.value == .exited(0))
            stalled.closeWriting()
            #expect(await rest.count == 2000 * 20000)
        }
    }

    @Test func timeInWhichThisProcessWasStoppedIsNotThePeers() async throws {
        try await OpenSSHServer.with { server in
            let (address, port, user, identity) = (server.address, server.port, server.user, server.identity)
            await #expect(processExitsWith: .success) {
                [
                    address = address as String, port = port as UInt16, user = user as String,
                    identity = identity as String
                ] in
                let session = try await Session.connect(
                    socket: OpenSSHServer.dial(address, port), host: address, port: port, user: user,
                    knownHosts: KnownHosts(own: "/nonexistent/known_hosts", others: []), deadline: .seconds(20),
                    liveness: Session.Liveness(probeInterval: .milliseconds(500), giveUp: .milliseconds(1500)))
                try await session.authenticate(with: [.identity(path: identity)], deadline: .seconds(20)) { _, _ in nil
                }
                let freezer = "sleep 0.7; kill -STOP \(getpid()); sleep 5; kill -CONT \(getpid())"
                _ = try OpenSSHServer.spawn(["/bin/sh", "-c", freezer], log: "/dev/null")
                // Neither silence nor the deadline counts what passed meanwhile.
                let output = try await session.run("sleep 7; echo on", deadline: .seconds(6))
                exit(output.stdout == Array("on\n".utf8) ? 0 : 1)
            }
        }
    }
}
