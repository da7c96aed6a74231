import Core
import FoundationEssentials
import Glibc
import Platform
import Subprocess
import TestSupport
import Testing

/// Every command of the laptop meets a container that lies in every way: `Tests/Lab/hostile` in place of its toolkit.
@Suite(.serialized, InLab(.loopback), .timeLimit(.minutes(3))) struct HostileContainerTests {
    private static let ways = [
        "nothing", "garbage", "text", "gigabyte", "words", "strings", "deep", "never", "half", "cut", "error", "range",
        "huge", "escapes", "schema", "ports", "addresses", "names", "file", "query", "elsewhere", "long", "alive",
        "blank",
        "skew", "other",
    ]

    private static let verbs: [[String]] = [
        ["evidence"], ["ports"], ["serve", "nbd", "evidence0"], ["release", "2003"], ["release", "evidence0"],
        ["forwards"], ["doctor", "2003", "--topology", "loopback"], ["status"], ["hash", "evidence0"],
        ["acquire", "evidence0", "IMAGE"],
    ]

    /// What is believed, as nothing in it is wrong or it is only shown: 0, or where the port is dialled in vain, 69.
    private static func statuses(_ way: String, _ verb: [String]) -> Set<Int32> {
        let verb = verb[0]
        if verb == "doctor" { return [1] }
        switch (way, verb) {
        case ("error", _): return [66]
        case ("never", _), ("half", _): return [69]
        case ("elsewhere", "acquire"), ("file", "acquire"): return [69]
        case ("elsewhere", _), ("file", _): return [0]
        // Only shown.
        case ("escapes", "evidence"), ("escapes", "forwards"), ("ports", "evidence"), ("ports", "forwards"),
            ("addresses", "evidence"), ("addresses", "forwards"), ("names", "forwards"), ("query", "evidence"),
            ("query", "forwards"), ("addresses", "release"), ("names", "hash"), ("query", "hash"), ("ports", "hash"):
            return [0]
        default: return [76]
        }
    }

    private struct Run: Sendable {
        let name: String
        let statuses: Set<Int32>
        let status: Int32
        let output: String
        let errors: String
        let seconds: Double
        let peakKiB: Int
    }

    @Test func nothingIsBelievedDialledOrOpenedThatWasNotAskedFor() async throws {
        let lab = try #require(Lab.current)
        let stage = try await Stage(lab, ways: Self.ways)
        defer { stage.watch.stop() }
        let before = try stage.files()
        let runs = try await withThrowingTaskGroup(of: Run.self) { group in
            var jobs: [(String, [String])] = []
            // Those that wait for a deadline come first, and wait side by side.
            for way in Self.ways.sorted(by: { Self.waits($0) && !Self.waits($1) }) {
                jobs += Self.verbs.map { (way, $0) }
            }
            let waiting = jobs.count { Self.waits($0.0) }
            var next = jobs[...]
            func add() {
                guard let (way, verb) = next.popFirst() else { return }
                group.addTask { try await stage.run(way, verb, Self.statuses(way, verb)) }
            }
            for _ in 0..<waiting + 4 { add() }
            var runs: [Run] = []
            for try await run in group {
                runs.append(run)
                if next.count > 0 { add() }
            }
            return runs
        }
        for run in runs {
            let (output, errors) = (run.output, run.errors)
            #expect(run.statuses.contains(run.status), "\(run.name): \(run.status) \(errors) \(output)")
            #expect(run.seconds < 30, "\(run.name): \(run.seconds) s")
            #expect(run.peakKiB < 200 << 10, "\(run.name): \(run.peakKiB) KiB")
            for scalar in (output + errors).unicodeScalars where scalar != "\n" && scalar != "\t" {
                #expect(Visible.isClean(String(scalar)), "\(run.name): \(errors) \(output)")
            }
            #expect(!(output + errors).contains("SCOUT_DIAL_ONLY"), "\(run.name) dialled elsewhere: \(errors)")
            #expect(!(output + errors).contains("203.0.113.9"), "\(run.name) repeats the address: \(output)")
            // What it would have the expert type is not said in our name.
            let theirs = "hint: the container says: \\u{9B}31m\\u{D}\\u{A}fake\n"
            if run.name.hasPrefix("error "), run.status == 66 {
                #expect(errors.contains(theirs), "\(run.name): \(errors)")
            }
            // One line that says it, a hint, and what else was noticed.
            if ![0, 1].contains(run.status) {
                let lines = errors.split(separator: "\n")
                #expect(
                    lines.count { $0.hasPrefix("scout: ") } == 1 || run.name.hasSuffix("status"),
                    "\(run.name): \(errors)")
                #expect(lines.count <= 3 && lines.allSatisfy { $0.utf8.count < 2000 }, "\(run.name): \(errors)")
            }
        }
        #expect(runs.count == Self.ways.count * Self.verbs.count)
        #expect(stage.watch.opens == 0, "the file in the container's URI was opened")
        let new = try stage.files().subtracting(before)
        #expect(new.allSatisfy { $0.contains("/state/cache/") }, "\(new)")
        for file in new {
            let names = String(decoding: try File.read(file) ?? [], as: UTF8.self).split { $0 == "\n" || $0 == "\t" }
            #expect(names.allSatisfy { Visible.isClean(String($0)) })
        }
    }

    private static func waits(_ way: String) -> Bool { way == "never" || way == "half" }

    /// A key for each way of lying, whose owner gets a toolkit that lies so.
    private struct Stage: Sendable {
        let lab: Lab
        let watch: Watch
        private let directory: String

        init(_ lab: Lab, ways: [String]) async throws {
            self.lab = lab
            let (home, remote) = (lab["SCOUT_LAB_HOME"], lab["SCOUT_LAB_REMOTE"])
            directory = home + "/work"
            mkdir(directory, 0o700)
            let secret = lab["SCOUT_LAB_STATE"] + "/secret"
            Workbench.write(Array("scout:00\n".utf8), to: secret)
            let keys = try await lab.onExpert([
                "sh", "-c",
                """
                set -e; cd '\(home)/.ssh'
                ln -sf '\(Project.root)/Tests/Lab/hostile' '\(remote)/bin/scout'
                for way in \(ways.joined(separator: " ")); do
                    ssh-keygen -q -t ed25519 -N '' -f "$way"
                    printf 'command="export HOSTILE=%s HOSTILE_FILE=\(secret); eval \\\\"$SSH_ORIGINAL_COMMAND\\\\"" %s\\n' \
                        "$way" "$(cat "$way.pub")" >> '\(remote)/authorized_keys'
                    printf '[target.%s]\\naddress = "%s"\\nidentity = "%s"\\n' "$way" '\(lab["SCOUT_LAB_TARGET"])' "$PWD/$way" \
                        >> "$SCOUT_CONFIG"
                done
                """,
            ])
            #expect(keys.status == 0, "\(keys.errors)")
            // Once, so that the host is known.
            _ = try await lab.scout("exec", "--", "true")
            watch = try Watch(secret)
        }

        /// All files of the expert's.
        func files() throws -> Set<String> {
            let state = lab["SCOUT_LAB_STATE"] + "/client"
            return Set(try FileManager.default.subpathsOfDirectory(atPath: state).map { "\(state)/\($0)" }).filter {
                var status = stat()
                return lstat($0, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
            }
        }

        func run(_ way: String, _ verb: [String], _ statuses: Set<Int32>) async throws -> Run {
            let image = "\(directory)/\(way).dd"
            var words = verb.map { $0 == "IMAGE" ? image : $0 }
            words = ["--target", way] + words
            let measured = ["/usr/bin/env", "python3", "\(Project.root)/Tests/Lab/measured", "timeout", "60"]
            let line = lab.expert(measured + [Project.binary] + words)
            let start = ContinuousClock.now
            let outcome = try await Command(line.executable, environment: line.environment).run(line.arguments)
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            var lines = outcome.errors.split(separator: "\n", omittingEmptySubsequences: true).map(String.init)
            let peak = lines.popLast().flatMap { Int($0) } ?? .max
            return Run(
                name: "\(way) \(verb.joined(separator: " "))", statuses: statuses,
                status: outcome.status, output: outcome.output, errors: lines.map { $0 + "\n" }.joined(),
                seconds: seconds, peakKiB: peak)
        }
    }

    /// Counts how often a file is opened: `inotify`.
    private struct Watch: Sendable {
        private let descriptor: CInt

        init(_ path: String) throws {
            descriptor = inotify_init1(CInt(IN_NONBLOCK | IN_CLOEXEC))
            try #require(inotify_add_watch(descriptor, path, UInt32(IN_OPEN)) >= 0)
        }

        var opens: Int {
            var bytes = [UInt8](repeating: 0, count: 4096)
            return max(read(descriptor, &bytes, bytes.count), 0) / MemoryLayout<inotify_event>.size
        }

        func stop() { close(descriptor) }
    }
}
