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

    @Test func keepAlivesHoldAQuietLink() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.login(liveness: impatient)
            let output = try await session.run("sleep 4; echo still there", deadline: .seconds(30))
            #expect(output.stdout == Array("still there\n".utf8))
        }
    }

    @Test func writerNoticesALinkThatStops() async throws {
        try await OpenSSHServer.with { server in
            let relay = try StallingRelay(to: server)
            defer { relay.end() }
            let session = try await server.login(over: relay.client, liveness: impatient)
            let zeros = open("/dev/zero", O_RDONLY | O_CLOEXEC)
            defer { close(zeros) }
            let writer = Task { try await session.exec("cat >/dev/null", stdin: zeros, stdout: 2, stderr: 2) }
            // Full buffers on the way: a `send` that waits for room would wait for ever.
            try await Task.sleep(for: .milliseconds(500))
            relay.stall()
            let began = ContinuousClock.now
            #expect(await failure { try await writer.value }?.kind == .linkLost)
            #expect(ContinuousClock.now - began < .seconds(20))
        }
    }
}
