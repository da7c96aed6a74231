import Core
import TestSupport
import Testing

/// What TAB answers, and how fast.
@Suite struct CompletionTests {
    @Test(arguments: [("bash", "scout.bash"), ("zsh", "_scout"), ("fish", "scout.fish")])
    func theScriptsAreWhatTheProgramGenerates(shell: String, file: String) async throws {
        let scout = Command(Project.binary, environment: Project.environment)
        let generated = try await scout("--generate-completion-script", shell)
        let kept = String(decoding: try File.read("\(Project.root)/completions/\(file)") ?? [], as: UTF8.self)
        #expect(generated.output == kept, "make completions")
    }

    /// Asks as the generated bash script does: by pressing TAB in a real shell.
    private func candidates(_ bench: Workbench, _ line: String) async throws -> [String] {
        let words = line.split(separator: " ", omittingEmptySubsequences: false).map { "'\($0)'" }
        let script = """
            cd '\(bench.directory)'
            source '\(Project.root)/completions/scout.bash'
            COMP_WORDS=(\(words.joined(separator: " "))) COMP_CWORD=\(words.count - 1)
            COMP_LINE='\(line)' COMP_POINT=\(line.count) COMP_TYPE=9
            scout() { '\(Project.binary)' "$@"; }
            _scout scout "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
            printf '%s\\n' "${COMPREPLY[@]}"
            """
        var path = bench.environment
        path["PATH"] =
            Project.binary.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + ":" + (path["PATH"] ?? "")
        let outcome = try await Command("bash", environment: path)("-c", script)
        #expect(outcome.errors.isEmpty)
        return outcome.output.split(whereSeparator: \.isWhitespace).map(String.init)
    }

    @Test func evidenceAndTargetsAndPortsComplete() async throws {
        try await Workbench.with { bench in
            Workbench.write([1], to: bench.directory + "/evidence/evidence1")
            let added = try await bench.scout("target", "add", "case42", "10.1.0.2")
            #expect(added.status == 0)
            let served = try await bench.scout("serve", "nbd", "evidence0")
            #expect(served.status == 0)
            for (line, expected) in [
                ("scout acquire ev", ["evidence0", "evidence1"]), ("scout evidence --target ca", ["case42"]),
                ("scout release 20", ["2000"]), ("scout ser", ["serve"]),
            ] {
                let offered = try await candidates(bench, line)
                #expect(offered == expected, "\(line)")
            }
        }
    }

    @Test func nothingIsOfferedAndNothingSaidWhereTheConfigurationIsBroken() async throws {
        try await Workbench.with { bench in
            Workbench.write(Array("broken = [".utf8), to: bench.directory + "/config.toml")
            let offered = try await candidates(bench, "scout acquire ev")
            #expect(offered.isEmpty)
        }
    }

    @Test func anUnreachableTargetCompletesFromMemoryAtOnce() async throws {
        try await Workbench.with { bench in
            let added = try await bench.scout("target", "add", "far", "127.0.0.1:1")
            #expect(added.status == 0)
            // The best of five: other tests are at work beside this one.
            var best = Duration.seconds(60)
            for _ in 0..<5 {
                let start = ContinuousClock.now
                let offered = try await candidates(bench, "scout acquire --target far ev")
                best = min(best, ContinuousClock.now - start)
                #expect(offered.isEmpty)
            }
            #expect(best < .milliseconds(500))
        }
    }
}
