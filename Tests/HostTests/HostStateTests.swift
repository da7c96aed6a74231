import Core
import Glibc
@testable import Host
import TestSupport
import Testing

/// The host's programs, its switches, and the lock that keeps two from changing them.
@Suite struct HostStateTests {
    // MARK: Programs

    @Test func aProgramGetsItsInputAndItsAnswerIsWhole() async throws {
        let stage = ToolStage()
        stage.add("answer", "#!/bin/sh\ncat; echo first >&2; echo \"last of $# in $HOME\" >&2; exit 3\n")
        // More than a pipe holds, both ways.
        let input = String(repeating: "0123456789", count: 50_000)
        let answer = try #require(try await stage.tools.run("answer", ["a", "b"], input: input))
        #expect(answer.status == 3 && String(decoding: answer.output, as: UTF8.self) == input)
        #expect(answer.errors == "first\nlast of 2 in /\n" && answer.complaint == "last of 2 in /")
        stage.add("killed", "#!/bin/sh\nkill -9 $$\n")
        let killed = try #require(try await stage.tools.run("killed"))
        #expect(killed.status == 137 && killed.complaint == "status 137")
    }

    @Test func aProgramThatIsNotThereIsNoFailure() async throws {
        #expect(try await ToolStage().tools.run("scout-has-no-such-program") == nil)
    }

    @Test func aProgramThatTakesTooLongIsEnded() async throws {
        let stage = ToolStage()
        stage.add("slow", "#!/bin/sh\nsleep 30\n")
        let start = ContinuousClock.now
        let error = await #expect(throws: ScoutError.self) {
            try await stage.tools.run("slow", deadline: .milliseconds(200))
        }
        #expect(error?.code == .failed && error?.message.hasPrefix("slow took longer than") == true)
        #expect(ContinuousClock.now - start < .seconds(3))
    }

    @Test func aCancelledTaskEndsItsProgram() async throws {
        let stage = ToolStage()
        stage.add("slow", "#!/bin/sh\nsleep 30\n")
        let start = ContinuousClock.now
        let task = Task { [tools = stage.tools] in try await tools.run("slow", deadline: .seconds(20)) != nil }
        try await Task.sleep(for: .milliseconds(100))
        task.cancel()
        let error = await #expect(throws: ScoutError.self) { try await task.value }
        #expect(error?.code == .interrupted)
        #expect(ContinuousClock.now - start < .seconds(3))
    }

    // MARK: Switches

    private func withDirectory(_ body: (String, Paths) async throws -> Void) async throws {
        let directory = "/tmp/scout-host-\(Project.uniqueName())"
        try #require(mkdir(directory, 0o700) == 0)
        defer {
            for name in ["switches.json", "run/host-firewall.lock"] { unlink("\(directory)/\(name)") }
            for name in ["firewall.d", "run", ""] { rmdir("\(directory)/\(name)") }
        }
        try await body(
            directory,
            Paths(environment: ["SCOUT_HOST_DIR": directory, "SCOUT_RUNTIME_DIR": directory + "/run"]))
    }

    @Test func switchesAreKeptAsTheyWereSetAndOffBefore() async throws {
        try await withDirectory { directory, paths in
            #expect(try HostSwitches.load(paths) == HostSwitches())
            for name in [HostSwitch.lan, .control] {
                var switches = HostSwitches()
                switches[name] = true
                try switches.save(paths)
                let kept = try HostSwitches.load(paths)
                #expect(kept == switches && kept[name] && (kept.lan != kept.control))
                #expect(HostSettings(paths).effective == switches)
            }
            Workbench.write(Array("{\"lan\":true}".utf8), to: directory + "/switches.json")
            let error = #expect(throws: ScoutError.self) { try HostSwitches.load(paths) }
            #expect(error?.code == .badData)
        }
    }

    @Test func whatCannotBeReadCountsAsOffAndIsTold() async throws {
        try await withDirectory { directory, paths in
            Workbench.write(Array("{".utf8), to: directory + "/switches.json")
            var settings = HostSettings(paths)
            #expect(!settings.switchesAreKnown && settings.problems.map(\.code) == [.badData])
            #expect(settings.effective == HostSwitches())
            var switches = HostSwitches()
            (switches.lan, switches.control) = (true, true)
            try switches.save(paths)
            #expect(HostSettings(paths).effective == switches && HostSettings(paths).switchesAreKnown)
            // Others could have written what is there.
            for mode in [0o720, 0o702] as [mode_t] {
                try #require(chmod(directory, mode) == 0)
                settings = HostSettings(paths)
                #expect(!settings.switchesAreKnown && settings.problems.map(\.code) == [.refused])
                #expect(settings.effective == HostSwitches())
            }
        }
    }

    // MARK: The lock

    @Test func oneAtATimeChangesTheFirewall() async throws {
        try await withDirectory { _, paths in
            let first = try await HostLock(paths)
            let error = await #expect(throws: ScoutError.self) {
                try await HostLock(paths, within: .milliseconds(200)).release()
            }
            #expect(error?.code == .busy)
            first.release()
            try await HostLock(paths, within: .zero).release()
        }
    }
}
