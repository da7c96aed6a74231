import Foundation
import Glibc
import Testing

@testable import SSH

@Suite(.timeLimit(.minutes(3))) struct ExecTests {
    @Test func statusIsExact() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.login()
            for status: Int32 in [0, 3, 255] {
                let output = try await session.run("exit \(status)", deadline: .seconds(20))
                #expect(output.status == .exited(status))
                #expect(output.status.code == status)
            }
            let killed = try await session.run("kill -TERM $$", deadline: .seconds(20))
            #expect(killed.status == .signalled("TERM"))
            #expect(killed.status.code == 143)
        }
    }

    @Test func outputsAreSeparateAndInputIsBinarySafe() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.login()
            let bytes = Array(0...255 as ClosedRange<UInt8>) + noise(70_000)
            let output = try await session.run(
                "echo talk >&2; cat; echo more >&2", stdin: bytes, deadline: .seconds(20))
            #expect(output.stdout == bytes)
            #expect(output.stderr == Array("talk\nmore\n".utf8))
        }
    }

    @Test func aCommandThatSaysNothingIsEndedAndOneThatSaysALittleIsNot() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.login()
            let begun = ContinuousClock.now
            let slow = "for i in 1 2 3 4 5 6; do sleep 0.5; echo; done; echo done"
            let patience = Duration.seconds(2)
            let output = try await session.run(slow, deadline: .seconds(20), silence: patience)
            #expect(output.stdout == Array("\n\n\n\n\n\ndone\n".utf8) && .now - begun > patience)
            // Talk on the standard error is no word: nothing bounds how much there may be.
            for mute in ["sleep 20", "while :; do echo x >&2; sleep 0.2; done"] {
                let error = await failure { try await session.run(mute, deadline: .seconds(20), silence: patience) }
                #expect(error?.kind == .deadline && error?.message == "it has said nothing for 2 s")
            }
            #expect(.now - begun < .seconds(18))
        }
    }

    @Test(arguments: [[], ["RekeyLimit 4M"], ["Ciphers chacha20-poly1305@openssh.com"]])
    func sixtyFourMebibytesComeBackUnchanged(configuration: [String]) async throws {
        try await OpenSSHServer.with(.init(configuration: configuration)) { server in
            let session = try await server.login()
            let (source, copy) = (server.directory + "/source", server.directory + "/copy")
            try Data(noise(64 << 20)).write(to: URL(fileURLWithPath: source))
            let (input, output) = (open(source, O_RDONLY), open(copy, O_WRONLY | O_CREAT, 0o600))
            defer {
                close(input)
                close(output)
            }
            let status = try await session.exec("cat", stdin: input, stdout: output, stderr: 2)
            #expect(status == .exited(0))
            try OpenSSHServer.run("cmp", source, copy)
        }
    }

    @Test func pipesCarryAllBytesAndKeepTheirFlags() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.login()
            let (input, output) = (TestPipe(), TestPipe())
            let bytes = noise(8 << 20)
            async let received = output.read()
            Thread.detach {
                bytes.withUnsafeBytes { buffer in
                    var sent = 0
                    while sent < buffer.count {
                        let count = write(input.writing, buffer.baseAddress?.advanced(by: sent), buffer.count - sent)
                        if count <= 0 { break }
                        sent += count
                    }
                }
                input.closeWriting()
            }
            let status = try await session.exec("cat", stdin: input.reading, stdout: output.writing, stderr: 2)
            #expect(status == .exited(0))
            #expect(fcntl(input.reading, F_GETFL) & O_NONBLOCK == 0)
            #expect(fcntl(output.writing, F_GETFL) & O_NONBLOCK == 0)
            output.closeWriting()
            #expect(await received == bytes)
        }
    }

    @Test func socketsServeAsStreams() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.login()
            var ends: [CInt] = [-1, -1]
            socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends)
            defer { for end in ends { close(end) } }
            let (inner, outer) = (ends[0], ends[1])
            write(outer, "hello", 5)
            shutdown(outer, CInt(SHUT_WR))
            #expect(try await session.exec("tr a-z A-Z", stdin: inner, stdout: inner, stderr: 2) == .exited(0))
            var bytes = [UInt8](repeating: 0, count: 8)
            #expect(read(outer, &bytes, 8) == 5)
            #expect(Array(bytes.prefix(5)) == Array("HELLO".utf8))
        }
    }

    @Test func aStalledReaderStallsNobodyElse() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.login()
            let stalled = TestPipe()
            let stuck = Task {
                try await session.exec("head -c 67108864 /dev/zero", stdin: nil, stdout: stalled.writing, stderr: 2)
            }
            try await Task.sleep(for: .milliseconds(500))
            for _ in 0..<3 {
                let bytes = noise(4 << 20)
                let output = try await session.run("cat", stdin: bytes, deadline: .seconds(30))
                #expect(output.stdout == bytes)
            }
            // What waits for the reader is no more than two windows.
            let waiting = await session.largestBacklog
            #expect(waiting < 4 << 20)
            async let rest = stalled.read()
            #expect(try await stuck.value == .exited(0))
            stalled.closeWriting()
            #expect(await rest == [UInt8](repeating: 0, count: 64 << 20))
        }
    }

    @Test func talkOnStderrDoesNotLetUnreadOutputPileUp() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.login()
            let (stalled, null) = (TestPipe(), open("/dev/null", O_WRONLY))
            defer { close(null) }
            let line = "head -c 20000 /dev/zero; echo x >&2"
            let stuck = Task {
                try await session.exec(
                    "i=0; while [ $i -lt 5000 ]; do \(line); i=$((i+1)); done", stdin: nil,
                    stdout: stalled.writing, stderr: null)
            }
            var largest = 0
            for _ in 0..<40 {
                try await Task.sleep(for: .milliseconds(100))
                largest = max(largest, await session.largestBacklog)
            }
            #expect(largest > 0)
            #expect(largest < 18 << 20)
            async let rest = stalled.read()
            #expect(try await stuck.value == .exited(0))
            stalled.closeWriting()
            #expect(await rest.count == 5000 * 20000)
        }
    }

    /// sshd before 9.8 passes no signals to root's commands; `RemoteCommandTests` shows what does.
    @Test func signalsReachTheCommand() async throws {
        var options = OpenSSHServer.Options()
        options.asOrdinaryUser = true
        try await OpenSSHServer.with(options) { server in
            let session = try await server.login()
            let output = TestPipe()
            let command = "trap 'echo got USR1; exit 7' USR1; echo ready; while :; do sleep 0.05; done"
            let channel = try await session.start(command)
            let ended = Task { try await channel.attach(stdin: nil, stdout: output.writing, stderr: 2) }
            #expect(await output.read(6) == Array("ready\n".utf8))
            try await channel.send(.user1)
            #expect(try await ended.value == .exited(7))
            output.closeWriting()
            #expect(await output.read() == Array("got USR1\n".utf8))
        }
    }

    @Test(.enabled(if: canTestAsRoot, "needs root: sshd gives a terminal to its user with chown"))
    func terminalHasTypeAndSizeAndIsResized() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.login()
            let (input, output) = (TestPipe(), TestPipe())
            let command = "trap 'stty size; exit 0' WINCH; echo $TERM; stty size; while :; do sleep 0.05; done"
            let terminal = PseudoTerminal(type: "vt220", columns: 91, rows: 33)
            let channel = try await session.start(command, terminal: terminal)
            // sshd resizes through the descriptor that the end of the input closes: the input stays open.
            let ended = Task {
                try await channel.attach(stdin: input.reading, stdout: output.writing, stderr: 2)
            }
            let expected = "vt220\r\n33 91\r\n"
            #expect(String(decoding: await output.read(expected.utf8.count), as: UTF8.self) == expected)
            try await channel.resize(columns: 120, rows: 40)
            #expect(try await ended.value == .exited(0))
            output.closeWriting()
            #expect(String(decoding: await output.read(), as: UTF8.self) == "40 120\r\n")
        }
    }

    @Test func closedOutputEndsTheCommand() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.login()
            var ends: [CInt] = [-1, -1]
            pipe(&ends)
            close(ends[0])
            defer { close(ends[1]) }
            let began = ContinuousClock.now
            let status = try await session.exec("exec yes", stdin: nil, stdout: ends[1], stderr: 2)
            #expect(status == .signalled("PIPE"))
            #expect(status.code == 141)
            #expect(ContinuousClock.now - began < .seconds(10))
        }
    }

    @Test func fullDiskIsAnErrorAndNoEndOfOutput() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.login()
            let full = open("/dev/full", O_WRONLY)
            defer { close(full) }
            let error = await failure { try await session.exec("echo lost", stdin: nil, stdout: full, stderr: 2) }
            #expect(error?.kind == .local)
            #expect(error?.code == ENOSPC)
        }
    }

    @Test func inputThatCannotBeReadIsNoEndOfInput() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.login()
            let directory = open("/tmp", O_RDONLY)
            defer { close(directory) }
            let error = await failure {
                try await session.exec("cat; echo complete", stdin: directory, stdout: 1, stderr: 2)
            }
            #expect(error?.kind == .local)
            #expect(error?.code == EISDIR)
        }
    }

    @Test func commandThatDoesNotEndIsKilledAtTheDeadline() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.login()
            let began = ContinuousClock.now
            let error = await failure {
                try await session.run("trap '' TERM; sleep 60; sleep 60", deadline: .seconds(1))
            }
            #expect(error?.kind == .deadline)
            #expect(ContinuousClock.now - began < .seconds(15))
            // sshd passes signals on only where it has separated privileges, and for root it has not.
            if geteuid() != 0 { #expect(await eventually { server.commands.isEmpty }) }
            #expect(try await session.run("echo on", deadline: .seconds(20)).stdout == Array("on\n".utf8))
        }
    }

    @Test func commandThatSaysTooMuchIsStopped() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.login()
            let error = await failure {
                try await session.run("exec yes", stdoutLimit: 100_000, deadline: .seconds(20))
            }
            #expect(error?.kind == .tooMuchOutput)
            let output = try await session.run(
                "for i in 1 2 3 4 5 6; do echo line $i >&2; done", stderrLimit: 14, deadline: .seconds(20))
            #expect(output.stderr == Array("line 5\nline 6\n".utf8))
        }
    }

    @Test func cancellingEndsTheCommand() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.login()
            let command = Task { try await session.run("exec sleep 60", deadline: .seconds(60)) }
            try await Task.sleep(for: .milliseconds(300))
            command.cancel()
            await #expect(throws: CancellationError.self) { try await command.value }
            #expect(await session.channelCount == 0)
        }
    }

    @Test func tenCommandsRunAtOnce() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.login()
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for index in 0..<10 {
                    group.addTask {
                        let bytes = noise(300_000, seed: UInt64(index))
                        return try await session.run("cat", stdin: bytes, deadline: .seconds(60)).stdout == bytes
                    }
                }
                for try await isSame in group { #expect(isSame) }
            }
        }
    }
}
