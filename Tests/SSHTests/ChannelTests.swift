import CLibSSH
import Glibc
import Testing

@testable import SSH

@Suite(.timeLimit(.minutes(3))) struct ChannelTests {
    @Test func endOfFileTravelsBothWaysByItself() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.login()
            // The command's output ends first, and it still reads.
            let talker = try await session.start("echo one; exec >&- 2>&-; cat > \(server.directory)/heard")
            #expect(try await talker.read() == Array("one\n".utf8))
            #expect(try await talker.read() == nil)
            try await talker.write(Array("after the end".utf8))
            try await talker.finishWriting()
            #expect(try await talker.status() == .exited(0))
            #expect(try OpenSSHServer.run("cat", server.directory + "/heard") == "after the end")
            // Our input ends first, and the command still talks.
            let listener = try await session.start("cat; echo more")
            try await listener.write(Array("some ".utf8))
            try await listener.finishWriting()
            var heard: [UInt8] = []
            while let bytes = try await listener.read() { heard += bytes }
            #expect(heard == Array("some more\n".utf8))
            #expect(await failure { try await listener.write([0]) }?.kind == .closed)
            await listener.close()
            #expect(await failure { try await listener.read() }?.kind == .closed)
        }
    }

    @Test func subsystemSpeaksItsProtocol() async throws {
        let options = OpenSSHServer.Options(configuration: ["Subsystem sftp internal-sftp"])
        try await OpenSSHServer.with(options) { server in
            let session = try await server.login()
            let channel = try await session.startSubsystem("sftp")
            // SSH_FXP_INIT, version 3; SSH_FXP_VERSION answers (draft-ietf-secsh-filexfer-02, section 4).
            try await channel.write([0, 0, 0, 5, 1, 0, 0, 0, 3])
            var answer: [UInt8] = []
            while answer.count < 9, let bytes = try await channel.read() { answer += bytes }
            #expect(answer.dropFirst(4).prefix(5) == [2, 0, 0, 0, 3])
            try await channel.finishWriting()
            #expect(try await channel.status() == .exited(0))
            #expect(await failure { try await session.startSubsystem("no such") }?.kind == .denied)
        }
    }

    @Test func environmentReachesTheCommandWhereTheServerTakesIt() async throws {
        let options = OpenSSHServer.Options(configuration: ["AcceptEnv SCOUT_*"])
        try await OpenSSHServer.with(options) { server in
            let session = try await server.login()
            let value = "two words\nand a line"
            let channel = try await session.start("printf %s \"$SCOUT_TEST\"", environment: ["SCOUT_TEST": value])
            var heard: [UInt8] = []
            while let bytes = try await channel.read() { heard += bytes }
            #expect(heard == Array(value.utf8))
            let error = await failure { try await session.start("true", environment: ["OTHER": "x"]) }
            #expect(error?.kind == .denied)
            #expect(await session.channelCount == 1)
        }
    }

    @Test func oneWhoDoesNotReadKeepsNobodyWaiting() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.login()
            // Nobody reads the first one; the second one moves 32 MiB meanwhile.
            let ignored = try await session.start("head -c 100000000 /dev/zero")
            let null = open("/dev/null", O_WRONLY | O_CLOEXEC)
            defer { close(null) }
            let began = ContinuousClock.now
            let busy = try await session.exec("head -c 33554432 /dev/zero", stdin: nil, stdout: null, stderr: null)
            #expect(busy == .exited(0))
            #expect(.now - began < .seconds(20))
            let waiting = await session.largestBacklog
            #expect(waiting > 0 && waiting < 4 << 20)
            // And the one who did not read finds it all there.
            var count = 0
            while let bytes = try await ignored.read() { count += bytes.count }
            #expect(count == 100_000_000)
        }
    }

    @Test func aThousandChannelsCostTheBusyOneNothing() async throws {
        try await OpenSSHServer.with(.init(configuration: ["MaxSessions 2000"])) { server in
            let session = try await server.login()
            let null = open("/dev/null", O_WRONLY | O_CLOEXEC)
            defer { close(null) }
            let size = 128 << 20
            func cost() async throws -> (time: Duration, wakings: Int) {
                let (time, wakings) = (await session.threadTime, await session.wakings)
                let status = try await session.exec("head -c \(size) /dev/zero", stdin: nil, stdout: null, stderr: null)
                #expect(status == .exited(0))
                return (await session.threadTime - time, await session.wakings - wakings)
            }
            _ = try await cost()
            let alone = try await cost()

            // 980 that nothing runs in, and 20 whose commands wait for input, each with somebody who waits.
            let readers = (0..<980).map { _ in Task { try await session.openIdle().read() } }
            let pipe = TestPipe()
            let pumps = (0..<20).map { _ in
                Task { try await session.exec("cat", stdin: pipe.reading, stdout: null, stderr: null) }
            }
            for _ in 0..<600 where await session.waiterCount < 1000 { try await Task.sleep(for: .milliseconds(100)) }
            #expect(await session.waiterCount == 1000)

            let beside = try await cost()
            // Each piece wakes the one that it is for: no more often than libssh reads.
            #expect(beside.wakings < size / 4096)
            #expect(beside.time < alone.time * 3, "alone \(alone), beside a thousand \(beside)")
            pipe.closeWriting()
            for pump in pumps { #expect(try await pump.value == .exited(0)) }
            await session.close()
            for reader in readers { #expect(await failure { try await reader.value }?.kind == .closed) }
        }
    }
}

extension Session {
    /// A channel in which nothing runs.
    fileprivate func openIdle() async throws -> Channel {
        try await open("opening a channel") { channel in
            try await channel.complete("opening a channel", within: .seconds(60)) { ssh_channel_open_session($0) }
        }
    }

    fileprivate var waiterCount: Int { channels.values.reduce(0) { $0 + $1.events.waiters.count } }
}
