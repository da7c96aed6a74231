import Glibc
import Platform
import SystemPackage
import Testing

@Suite(.timeLimit(.minutes(2))) struct ChildProcessTests {
    private func shell(_ script: String) -> ChildProcess { ChildProcess("/bin/sh", ["sh", "-c", script]) }

    private let python = ChildProcess.find("python3", path: "/usr/local/bin:/usr/bin:/bin")

    private func text(_ output: ChildProcess.Output) -> String { String(decoding: output.bytes, as: UTF8.self) }

    @Test func aChildHasTheDescriptorsItWasGivenAndNoOther() throws {
        let ends = try PipeEnds()
        defer { ends.close() }
        // One that is not close-on-exec, as a careless library or our own caller leaves it.
        let careless = dup(ends.read)
        defer { close(careless) }
        var child = shell("for d in /proc/self/fd/*; do echo ${d##*/}; done")
        child.descriptors = [.init(ends.write, as: 7)]
        let output = try child.output(within: .seconds(10), limit: 4096)
        // The shell itself opens one more to read the directory.
        let numbers = Set(TextLines.of(output.bytes))
        #expect(numbers.isSuperset(of: ["0", "1", "2", "7"]) && numbers.count <= 5 && !numbers.contains("\(careless)"))
    }

    @Test func descriptorsMayChangePlaces() throws {
        let first = try PipeEnds(nonblocking: .read)
        let second = try PipeEnds(nonblocking: .read)
        defer {
            first.close()
            second.close()
        }
        // The next free numbers, in the wrong order: a copy made on the way would get the other's.
        let free = [dup(0), dup(0)].sorted()
        for descriptor in free { close(descriptor) }
        let (low, high) = (free[0], free[1])
        let script = "import os; os.write(\(high), b'a'); os.write(\(low), b'b')"
        var child = ChildProcess(try #require(python), ["python3", "-c", script])
        child.descriptors = [.init(first.write, as: high), .init(second.write, as: low)]
        let pid = try child.start()
        #expect(ChildProcess.status(of: pid, within: .seconds(10)) == .exited(0))
        var byte: UInt8 = 0
        #expect(read(first.read, &byte, 1) == 1 && byte == UInt8(ascii: "a"))
        #expect(read(second.read, &byte, 1) == 1 && byte == UInt8(ascii: "b"))
    }

    @Test func itsEnvironmentIsWhatItWasGiven() throws {
        var child = ChildProcess("/usr/bin/env", ["env"])
        child.environment = ["A": "1 = 2"]
        #expect(text(try child.output(within: .seconds(10), limit: 4096)) == "A=1 = 2\n")
    }

    @Test func itHasNoSignalBlockedOrIgnoredThoughItsStarterHas() async throws {
        let output = try await Thread.run {
            try ChildProcess("/bin/cat", ["cat", "/proc/self/status"]).output(within: .seconds(10), limit: 1 << 16)
        }
        let lines = TextLines.of(output.bytes)
        for name in ["SigBlk:", "SigIgn:"] {
            let value = lines.first { $0.hasPrefix(name) }?.split(separator: "\t").last.flatMap {
                UInt64($0, radix: 16)
            }
            // 32 and 33 are the C library's own, which posix_spawn has its child ignore.
            #expect(value.map { $0 & ~(3 << 31) } == 0, "\(name)")
        }
    }

    @Test func whatItReadsAndPrintsIsCarried() throws {
        let input = (0..<(1 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let output = try shell("cat; echo wrong >&2; exit 3").output(
            within: .seconds(20), limit: 1 << 21, input: input, errorLimit: 3)
        #expect(output.bytes == input && output.status == .exited(3))
        #expect(output.errors == Array("wro".utf8))
    }

    @Test func aChildThatDoesNotReadItsInputIsNoFailure() async {
        await #expect(processExitsWith: .exitCode(7)) {
            // As in a program that does not ignore SIGPIPE.
            Scratch.takeSignals()
            let child = ChildProcess("/bin/true", ["true"])
            let output = try child.output(within: .seconds(20), limit: 16, input: [UInt8](repeating: 0, count: 1 << 22))
            exit(output.isSuccess ? 7 : 1)
        }
    }

    @Test func whoPrintsTooMuchIsEnded() throws {
        let output = try shell("yes").output(within: .seconds(20), limit: 1000)
        #expect(output.isTooLong && output.bytes.count == 1000 && output.status == nil)
    }

    @Test func theDeadlineEndsAllThatItStarted() throws {
        let start = ContinuousClock.now
        let output = try shell("sleep 77 & echo $!; trap '' TERM; wait").output(within: .milliseconds(300), limit: 64)
        #expect(output.status == nil && ContinuousClock.now - start < .seconds(5))
        let grandchild = try #require(pid_t(TextLines.of(output.bytes).first ?? ""))
        #expect(Scratch.soon { !Scratch.isAlive(grandchild) })
    }

    @Test func aReadableStopEndsTheWait() throws {
        let stop = try WakeEvent()
        stop.signal()
        let start = ContinuousClock.now
        #expect(try shell("sleep 78").output(within: .seconds(60), limit: 1, stop: stop.descriptor).status == nil)
        #expect(ContinuousClock.now - start < .seconds(5))
    }

    @Test func whoIgnoresTheSignalIsKilled() throws {
        let ends = try PipeEnds()
        var child = shell("trap '' TERM; echo >&5; while :; do sleep 1; done")
        child.descriptors = [.init(ends.write, as: 5)]
        child.newSession = true
        let pid = try child.start()
        var byte: UInt8 = 0
        #expect(read(ends.read, &byte, 1) == 1)
        ends.close()
        #expect(ChildProcess.end(pid, grace: .milliseconds(100), wholeGroup: true))
        #expect(kill(pid, 0) != 0)
    }

    @Test func whoIsStoppedTakesNoteOfTheSignal() throws {
        let ends = try PipeEnds()
        // What it does on the signal it can only do when it goes on.
        var child = shell("trap 'echo end >&5; exit' TERM; echo >&5; while :; do sleep 0.1; done")
        child.descriptors = [.init(ends.write, as: 5)]
        let pid = try child.start()
        close(ends.write)
        defer { close(ends.read) }
        var bytes = [UInt8](repeating: 0, count: 16)
        #expect(read(ends.read, &bytes, bytes.count) == 1)
        kill(pid, SIGSTOP)
        let start = ContinuousClock.now
        #expect(ChildProcess.end(pid, grace: .seconds(20)))
        #expect(ContinuousClock.now - start < .seconds(10))
        #expect(read(ends.read, &bytes, bytes.count) == 4)
    }

    /// As a process in state D: killed, and there is nothing to reap. Here somebody else traces it, and does not look.
    @Test func whoTheKernelDoesNotLetGoOfIsLeft() throws {
        let ends = try PipeEnds()
        defer { ends.close() }
        let pid = try ChildProcess("/bin/sleep", ["sleep", "80"]).start()
        let script = """
            import ctypes, os, time
            libc = ctypes.CDLL(None, use_errno=True)
            seize = 0x4206
            result = libc.ptrace(seize, \(pid), 0, 0)
            os.write(5, b"y" if result == 0 else b"n")
            time.sleep(60)
            """
        let tracer = try ChildProcess(
            try #require(python), ["python3", "-c", script], descriptors: [.init(ends.write, as: 5)]
        )
        .start()
        defer { ChildProcess.end(tracer, grace: .zero) }
        var answer: UInt8 = 0
        #expect(read(ends.read, &answer, 1) == 1)
        guard answer == UInt8(ascii: "y") else {
            // This user may not trace; there is nothing to see then.
            ChildProcess.end(pid)
            return
        }
        let start = ContinuousClock.now
        #expect(!ChildProcess.end(pid, grace: .milliseconds(100)))
        #expect(ContinuousClock.now - start < .seconds(4))
        ChildProcess.end(tracer, grace: .zero)
        #expect(ChildProcess.hasLeft(pid, within: .seconds(5)))
    }

    @Test func aProgramIsFoundWhereItCanBeRun() throws {
        try Scratch.with { directory in
            mkdir(directory + "/sh", 0o755)
            try File.replace(directory + "/plain", with: [], mode: 0o644)
            let path = "\(directory):/usr/bin:/bin"
            #expect(ChildProcess.find("sh", path: path)?.hasPrefix(directory) == false)
            #expect(ChildProcess.find("plain", path: path) == nil)
            #expect(ChildProcess.find("nothing-of-that-name", path: nil) == nil)
        }
    }

    @Test func whatCannotBeStartedIsSaid() {
        let error = #expect(throws: SystemError.self) { try ChildProcess("/nothing/here", ["x"]).start() }
        #expect(error?.kind == .cannotStart && error?.errno == .noSuchFileOrDirectory)
        #expect(error?.message == "cannot start /nothing/here: No such file or directory")
    }

    @Test func withoutDescriptorsNothingIsStarted() async {
        await #expect(processExitsWith: .exitCode(7)) {
            let child = ChildProcess("/bin/true", ["true"], descriptors: [.init(1, as: 9)])
            var limit = rlimit(rlim_cur: 3, rlim_max: 3)
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            do throws(SystemError) {
                _ = try child.start()
                exit(1)
            } catch {
                guard error.kind == .cannotStart else { exit(2) }
            }
            do throws(SystemError) {
                _ = try PipeEnds()
                exit(3)
            } catch {
                exit(error.kind == .noDescriptor && error.errno == .tooManyOpenFiles ? 7 : 4)
            }
        }
    }

    @Test func aGroupDiesWithItsLeader() async {
        await #expect(processExitsWith: .signal(SIGKILL)) {
            setpgid(0, 0)
            let signal = try GroupDeathSignal()
            var child = ChildProcess("/bin/sh", ["sh", "-c", "echo $$ >/tmp/scout-group-$PPID; exec sleep 81"])
            child.descriptors = [.init(signal.end, as: 3)]
            let pid = try child.start()
            let note = "/tmp/scout-group-\(getpid())"
            while (try File.read(note))?.isEmpty != false { usleep(1000) }
            unlink(note)
            // A watcher outside of the group tells whether the child is gone a little later.
            let script = "sleep 1; test -e /proc/\(pid)/exe && : >/tmp/scout-group-left-\(pid)"
            _ = try ChildProcess("/bin/sh", ["sh", "-c", script], newSession: true).start()
            kill(getpid(), SIGKILL)
        }
        usleep(1_500_000)
        #expect(!DirectoryListing.names(in: "/tmp").contains { $0.hasPrefix("scout-group-left-") })
    }
}
