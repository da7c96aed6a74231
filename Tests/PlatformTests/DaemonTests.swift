import Glibc
import Platform
import Testing

@Suite(.timeLimit(.minutes(1))) struct DaemonTests {
    private func daemon(_ script: String) -> Daemon {
        Daemon(ChildProcess("/bin/sh", ["sh", "-c", script]), settings: 3, ready: 5)
    }

    @Test func itIsGivenItsSettingsAndSaysWhenItIsAtWork() throws {
        try Scratch.with { directory in
            let settings = [UInt8](repeating: UInt8(ascii: "s"), count: 1 << 20)
            let script = "cat <&3 >\(directory)/settings; printf x >&5; exec 5>&-; exec sleep 82"
            let pid = try daemon(script).start(settings, within: .seconds(10))
            defer { ChildProcess.end(pid) }
            #expect(try File.read(directory + "/settings", limit: 1 << 21) == settings)
            // Its own session, so that nobody's terminal ends it.
            #expect(getsid(pid) == pid)
        }
    }

    @Test func whoDiesIsNotWaitedFor() {
        let start = ContinuousClock.now
        let error = #expect(throws: SystemError.self) { try daemon("exit 0").start([1], within: .seconds(30)) }
        #expect(error?.kind == .notReady && ContinuousClock.now - start < .seconds(10))
    }

    @Test(arguments: [0, 1 << 22])
    func whoSaysNothingIsEnded(size: Int) throws {
        try Scratch.with { directory in
            // With many settings it is the writing that has no end.
            let script = "echo $$ >\(directory)/pid; exec sleep 83"
            let start = ContinuousClock.now
            let error = #expect(throws: SystemError.self) {
                try daemon(script).start([UInt8](repeating: 0, count: size), within: .milliseconds(500))
            }
            #expect(error?.kind == .notReady && ContinuousClock.now - start < .seconds(10))
            let bytes = try #require(try File.read(directory + "/pid"))
            let pid = try #require(pid_t(TextLines.of(bytes).first ?? ""))
            #expect(!Scratch.isAlive(pid))
        }
    }

    @Test func settingsAreReadToTheirEndAndTheirPlaceIsEmptyThen() throws {
        let ends = try PipeEnds()
        #expect(write(ends.write, "abc", 3) == 3)
        close(ends.write)
        defer { close(ends.read) }
        #expect(try Daemon.takeSettings(ends.read) == Array("abc".utf8))
        var byte: UInt8 = 0
        #expect(read(ends.read, &byte, 1) == 0)
        #expect(write(ends.read, &byte, 1) == 1)
    }
}
