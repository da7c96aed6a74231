import Core
import FoundationEssentials
import Glibc
import TestSupport
import Testing

/// What leaves the program, and what becomes of it where it can't.
@Suite struct OutputTests {
    /// A file's name that paints the terminal, fakes a row, and is no text.
    private static let painted = "x\u{1B}[2J\u{202E}\t\r\nevidence7\t1\u{9B}31m\u{2028}"

    private func bench(_ body: (Workbench) async throws -> Void) async throws {
        try await Workbench.with { bench in
            Workbench.write([7], to: "\(bench.directory)/evidence/\(Self.painted)", mode: 0o444)
            try await body(bench)
        }
    }

    private func isClean(_ text: String, but allowed: String = "\n") -> Bool {
        text.unicodeScalars.allSatisfy { allowed.unicodeScalars.contains($0) || Visible.isClean(String($0)) }
    }

    @Test func namesOfDevicesPaintNothingAndFakeNoRow() async throws {
        try await bench { bench in
            let text = try await bench.scout("evidence")
            #expect(isClean(text.output, but: "\n\t"))
            let rows = text.output.split(separator: "\n").map { $0.split(separator: "\t") }
            #expect(rows.count == 2 && rows.allSatisfy { $0.count == 7 })
            #expect(text.output.contains("x\\u{1B}[2J\\u{202E}\\u{9}\\u{D}\\u{A}evidence7\\u{9}1\\u{9B}31m\\u{2028}"))
            let json = try await bench.scout("evidence", "--json")
            #expect(isClean(json.output))
            let report = try JSON.decode(EvidenceReport.self, from: Data(json.output.utf8))
            #expect(report.devices.map(\.name).contains(Self.painted))
            let status = try await bench.scout("status")
            #expect(isClean(status.output) && status.output.contains("evidence  x\\u{1B}[2J"))
        }
    }

    @Test func errorsAndHintsAreOneLineEach() async throws {
        try await bench { bench in
            for words in [["hash", Self.painted + "/"], ["serve", "nbd", "ghost"], ["release", Self.painted]] {
                let text = try await bench.scout.run(words)
                #expect(text.status != 0 && isClean(text.errors), "\(text.errors)")
                let lines = text.errors.split(separator: "\n")
                #expect(lines.count <= 2 && lines[0].hasPrefix("scout: "), "\(lines)")
                #expect(lines.dropFirst().allSatisfy { $0.hasPrefix("hint: ") })
                let json = try await bench.scout.run(words + ["--json"])
                #expect(isClean(json.output) && json.errors.isEmpty)
            }
            let usage = try await bench.scout("ports", "--\(Self.painted)")
            #expect(usage.status == 64 && isClean(usage.errors))
        }
    }

    /// A child's answer once went to our own stdout where descriptors were few, and every device was left out.
    @Test(arguments: [10, 14, 24, 48, 64])
    func fewDescriptorsLeaveNoDeviceOut(limit: Int) async throws {
        try await bench { bench in
            let listed = try await bench.tool("bash")(
                "-c", "ulimit -n \(limit); exec '\(Project.binary)' evidence --json")
            let report = try JSON.decode(EvidenceReport.self, from: Data(listed.output.utf8))
            #expect(report.devices.map(\.name) == ["evidence0", Self.painted], "\(listed.errors)")
            #expect(report.devices.allSatisfy { $0.sizeBytes > 0 || $0.reason != nil })
        }
    }

    // MARK: Where it can't be written

    /// Runs a shell line in which `scout` is the program.
    private func shell(_ bench: Workbench, _ line: String) async throws -> Outcome {
        var shell = bench.tool("bash")
        shell.environment["scout"] = Project.binary
        return try await shell("-c", line.replacing("scout ", with: "\"$scout\" "))
    }

    @Test(arguments: ["", " --json"])
    func aResultThatCannotBeWrittenIsAnIOError(format: String) async throws {
        try await Workbench.with { bench in
            for verb in ["ports", "evidence", "--help", "ports --help", "--version", "hash evidence0"] {
                for sink in ["> /dev/full", ">&-", "< /dev/null > /dev/null >&-"] {
                    let outcome = try await shell(bench, "scout \(verb)\(format) \(sink)")
                    #expect(outcome.status == 74, "\(verb) \(sink): \(outcome.errors)")
                    #expect(outcome.errors.contains("can't be written to standard output"), "\(verb) \(sink)")
                    #expect(outcome.output.isEmpty)
                }
                let reader = try await shell(
                    bench, "(trap '' PIPE; sleep 0.3; scout \(verb)\(format); echo $? >&2) | true")
                #expect(reader.errors.hasSuffix("74\n"), "\(verb): \(reader.errors)")
            }
            // The error's own status, and its words, where its JSON can't be written.
            let error = try await shell(bench, "scout hash ghost\(format) > /dev/full")
            #expect(error.status == 66 && error.errors.contains("no evidence named 'ghost'"))
        }
    }

    @Test func closedDescriptorsNeverBecomeAFileOfOurs() async throws {
        try await Workbench.with { bench in
            let lease = bench.directory + "/lease"
            let outcome = try await shell(
                bench,
                """
                scout serve nbd evidence0 --foreground 0<&- > '\(lease)' 2>&- &
                for i in $(seq 100); do [[ -s '\(lease)' ]] && break; sleep 0.05; done
                readlink /proc/$!/fd/0 /proc/$!/fd/1 /proc/$!/fd/2
                kill $!; wait $!
                """)
            #expect(outcome.output == "/dev/null\n\(lease)\n/dev/null\n")
            #expect(outcome.status == 130)
        }
    }

    @Test func withJSONThereIsOneObjectOnStdoutInEveryCase() async throws {
        try await Workbench.with { bench in
            let image = bench.directory + "/x.dd"
            for words in [
                ["acquire", "evidence0", image], ["verify", image], ["evidence"], ["ports"], ["doctor"],
                ["hash", "evidence0"],
                ["release", "--all"], ["release", "2001"], ["nonsense"], ["verify", "/nowhere"], ["status"],
                ["target", "list"], ["forwards"], ["forwards", "--from", "/dev/null"],
            ] {
                let outcome = try await bench.scout.run(words + ["--json"])
                let object = try? JSON.decoder().decode([String: Anything].self, from: Data(outcome.output.utf8))
                #expect(object != nil, "\(words): \(outcome.output)")
            }
            // What follows a result is talk.
            let outcome = try await shell(
                bench,
                """
                scout serve nbd evidence0 --foreground --json > '\(bench.directory)/lease' &
                for i in $(seq 200); do [[ -s '\(bench.directory)/lease' ]] && break; sleep 0.05; done
                kill $!; wait $!; cat '\(bench.directory)/lease'
                """)
            #expect((try? JSON.decode(LeaseReport.self, from: Data(outcome.output.utf8))) != nil, "\(outcome.output)")
            #expect(outcome.errors.contains("scout: released port 200"))
        }
    }

    private struct Anything: Decodable {
        init(from decoder: any Decoder) {}
    }
}
