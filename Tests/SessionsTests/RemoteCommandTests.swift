import Core
import Foundation
import Glibc
import SSH
import Testing

@testable import Sessions

@Suite(.timeLimit(.minutes(2))) struct RemoteCommandTests {
    private let awkward = [
        "", " ", "a b", "'", "it's", "$HOME", "`id`", "\\", "\"", "*", "~", "~root", "-n", "a=b", "é'́x", "line\nline",
        "#", "!", "if", "\t", "&&", "日本", "'\\''", "%s",
    ]

    @Test func wordsComeThroughAnyPOSIXShellUnchanged() throws {
        for shell in ["sh", "bash"] {
            let line = (["printf", "%s\\0"] + awkward).map(RemoteCommand.quoted).joined(separator: " ")
            let text = try OpenSSHServer.run(shell, "-c", line)
            let words = text.split(separator: "\0", omittingEmptySubsequences: false).dropLast().map(String.init)
            #expect(words == awkward)
        }
    }

    @Test func argumentsReachTheProgramAsTheyAre() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.session()
            let command = try RemoteCommand(["printf", "%s\\0"] + awkward)
            let output = try await command.run(over: session, deadline: .seconds(20))
            let words = String(decoding: output.stdout, as: UTF8.self)
                .split(separator: "\0", omittingEmptySubsequences: false).dropLast().map(String.init)
            #expect(words == awkward)
            // A keyword of the shell's is a program's name like any other.
            let status = try await RemoteCommand(["if"]).run(over: session, deadline: .seconds(20)).status
            #expect(status == .exited(127))
            #expect(throws: ScoutError.self) { try RemoteCommand(["a\0b"]) }
            #expect(throws: ScoutError.self) { try RemoteCommand([]) }
        }
    }

    @Test func commandThatDoesNotEndIsEndedThere() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.session()
            let command = try RemoteCommand(["sh", "-c", "trap '' TERM; sleep 60; sleep 60"])
            let error = await failure { try await command.run(over: session, deadline: .seconds(1)) }
            #expect(error?.code == .unreachable)
            var isGone = false
            for _ in 0..<200 where !isGone {
                try await Task.sleep(for: .milliseconds(50))
                isGone = server.commands.isEmpty
            }
            #expect(isGone)
        }
    }
}

/// In turn, as a process has its signals but once.
@Suite(.serialized, .timeLimit(.minutes(2))) struct CommandStreamTests {
    @Test func statusPassesThrough() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.session()
            let streams = StandardStreams(stdin: nil)
            for (script, status) in [("exit 0", 0), ("exit 3", 3), ("exit 255", 255), ("kill -KILL $$", 137)] {
                let command = try RemoteCommand(["sh", "-c", script])
                #expect(try await command.stream(over: session, streams) == Int32(status))
            }
        }
    }

    @Test(arguments: [SIGINT, SIGTERM, SIGHUP, SIGQUIT])
    func signalsReachTheCommandWhoeverItRunsAs(signal: Int32) async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.session()
            let log = server.directory + "/output"
            let output = open(log, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
            defer { close(output) }
            let script = """
                for s in INT TERM HUP QUIT; do trap "echo got $s; exit 7" $s; done
                echo ready; while :; do sleep 0.05; done
                """
            async let status = RemoteCommand(["sh", "-c", script])
                .stream(over: session, StandardStreams(stdin: nil, stdout: output))
            try await wait(for: "ready\n", in: log)
            kill(getpid(), signal)
            #expect(try await status == 7)
            let name = try #require(RemoteSignal(number: signal)).rawValue
            try await wait(for: "got \(name)\n", in: log)
        }
    }

    @Test func commandThatIgnoresTheEndDoesNotKeepUs() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.session()
            let log = server.directory + "/output"
            let output = open(log, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
            defer { close(output) }
            let script = "trap '' INT; echo ready; while :; do sleep 0.05; done"
            async let status = RemoteCommand(["sh", "-c", script])
                .stream(over: session, StandardStreams(stdin: nil, stdout: output))
            try await wait(for: "ready\n", in: log)
            for _ in 0..<3 {
                kill(getpid(), SIGINT)
                try await Task.sleep(for: .milliseconds(200))
            }
            #expect(try await status == 130)
        }
    }

    @Test(.enabled(if: geteuid() == 0, "needs root: sshd gives a terminal to its user with chown"))
    func terminalIsRawMeanwhileAndResizedAndRestored() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.session()
            let pair = PseudoTerminalPair()
            pair.resize(columns: 97, rows: 31)
            let script = """
                trap 'stty size; echo resized' WINCH; echo $TERM; stty size; echo ready
                until read -t 0.1 -r line; do :; done; echo "read $line"; exit 5
                """
            let streams = StandardStreams(stdin: pair.slave, stdout: pair.slave, stderr: pair.slave)
            async let status = RemoteCommand(["bash", "-c", script])
                .stream(over: session, streams, terminalType: "vt220")
            try await pair.type("", after: "vt220\r\n31 97\r\nready")
            #expect(!pair.echoes && !pair.isCanonical)
            pair.resize(columns: 120, rows: 40)
            kill(getpid(), SIGWINCH)
            try await pair.type("end\r", after: "40 120\r\nresized")
            #expect(try await status == 5)
            #expect(pair.screen.contains("read end"))
            #expect(pair.echoes && pair.isCanonical)
        }
    }

    @Test func lostLinkIsUnreachable() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.session()
            async let error = failure {
                try await RemoteCommand(["sleep", "60"]).stream(over: session, StandardStreams(stdin: nil))
            }
            try await Task.sleep(for: .milliseconds(500))
            for pid in server.connectionProcesses { kill(pid, SIGKILL) }
            #expect(await error?.code == .unreachable)
        }
    }

    private func wait(for text: String, in file: String) async throws {
        for _ in 0..<600 {
            if (try? String(contentsOfFile: file, encoding: .utf8))?.contains(text) == true { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw OpenSSHServer.Failure(description: "never said: \(text)")
    }
}
