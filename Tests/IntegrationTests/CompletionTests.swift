import Core
import FoundationEssentials
import Glibc
import Platform
import TestSupport
import Testing

@testable import scout

/// What TAB answers, and how fast.
@Suite struct CompletionTests {
    @Test(arguments: [(Shell.bash, "scout.bash"), (.zsh, "_scout"), (.fish, "scout.fish")])
    func theScriptsAreWhatTheProgramPrints(shell: Shell, file: String) async throws {
        let scout = Command(Project.binary, environment: Project.environment)
        let printed = try await scout("completion", shell.rawValue)
        let kept = String(decoding: try File.read("\(Project.root)/completions/\(file)") ?? [], as: UTF8.self)
        #expect(printed.output == kept, "make completions")
        // The parser's own option for it prints nothing else.
        let spelledOtherwise = try await scout("--generate-completion-script", shell.rawValue)
        #expect(spelledOtherwise.output == kept)
        #expect(kept.split(separator: "\n").count < 50)
    }

    /// The words that fish is offered, without descriptions.
    private func offered(_ bench: Workbench, _ line: String) async throws -> [String] {
        let outcome = try await bench.scout("__complete", "fish", line)
        #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(line): \(outcome.errors)")
        return outcome.output.split(separator: "\n").map { String($0.prefix { $0 != "\t" }) }
    }

    /// What bash puts in place of the part of a word that it replaces.
    private func inserted(_ bench: Workbench, _ line: String, replaces part: String) async throws -> [String] {
        let outcome = try await bench.scout("__complete", "bash", "9", part, line)
        return outcome.output.split(separator: "\n").dropFirst().map(String.init)
    }

    @Test func everyKindOfValueCompletes() async throws {
        try await Workbench.with { bench in
            Workbench.write([1], to: bench.directory + "/evidence/evidence1")
            for name in ["case42", "case43"] {
                let added = try await bench.scout("target", "add", name, "10.1.0.2")
                #expect(added.status == 0)
            }
            let served = try await bench.scout("serve", "nbd", "evidence0", "--name", "disk")
            #expect(served.status == 0, "\(served.errors)")
            let file = bench.directory + "/x.dd"
            Workbench.write([1], to: file)
            let cases: [(String, [String])] = [
                ("scout ser", ["serve"]), ("scout serve ", ["nbd"]), ("scout -q ev", ["evidence"]),
                ("scout --topology bench -t local host f", ["forwarding"]), ("scout help host l", ["lan"]),
                ("scout hash -t local ev", ["evidence0", "evidence1"]),
                ("scout --target=local hash evidence1", ["evidence1"]),
                ("scout evidence -t ca", ["case42", "case43"]), ("scout -t=ca", ["-t=case42", "-t=case43"]),
                ("scout evidence --target=lo", ["--target=local"]),
                ("scout evidence -t root@10.1.0.2:22 --js", ["--json"]),
                ("scout evidence --json --js", []), ("scout evidence --topology be", ["bench"]),
                ("scout release 20", ["2000"]), ("scout release di", ["disk"]),
                ("scout doctor 200", (2000...2009).map(String.init)),
                ("scout serve nbd evidence0 --port=2009", ["--port=2009"]),
                ("scout hash x --hash sha256,m", ["sha256,md5"]),
                ("scout hash x --hash=sha256,s", ["--hash=sha256,sha1", "--hash=sha256,sha512"]),
                ("scout forwards --via ", ["agent", "ssh", "probe"]),
                ("scout acquire nbd://127.0.0.1:2000/x \(bench.directory)/x", [file]),
                (
                    "scout --config=\(bench.directory)/",
                    ["config.toml", "evidence/", "run/", "state/"].map { "--config=\(bench.directory)/\($0)" }
                ),
                ("scout evidence --config ~/con", ["~/config.toml"]),
                ("scout hash \(bench.directory)/x", [file]),
                ("scout ports > \(bench.directory)/x", []), ("scout exec -- evi", []), ("scout completion b", ["bash"]),
                ("scout nonsense ", []), ("scout hash $(touch x)", []), ("scout __", []),
            ]
            for (line, expected) in cases {
                let answer = try await offered(bench, line)
                #expect(answer == expected, "\(line)")
            }
        }
    }

    @Test func bashGetsOnlyThePartThatItReplacesQuotedAsTheWordIs() async throws {
        try await Workbench.with { bench in
            for name in ["it's $HOME", "ö b", "wow!"] {
                Workbench.write([1], to: "\(bench.directory)/evidence/\(name)")
            }
            for (line, part, expected) in [
                ("scout evidence --target=lo", "lo", "local"), ("scout hash it", "it", "it\\'s\\ \\$HOME"),
                ("scout hash it\\'s\\", "it\\'s\\", "it\\'s\\ \\$HOME"),
                ("scout hash 'it", "it", "it'\\''s $HOME"), ("scout hash \"it", "it", "it's \\$HOME"),
                ("scout hash i\"t'\"s", "i\"t'\"s", "i\"t'\"s\\ \\$HOME"), ("scout hash ö", "ö", "ö\\ b"),
                ("scout hash \"wow", "wow", "wow\"\\!\"\""), ("scout hash wow", "wow", "wow\\!"),
                (
                    "scout hash evidence0 2>\(bench.directory)/conf", "\(bench.directory)/conf",
                    "\(bench.directory)/config.toml"
                ),
            ] {
                let answer = try await inserted(bench, line, replaces: part)
                #expect(answer == [expected], "\(line)")
            }
        }
    }

    @Test func bashShowsDescriptionsOnlyWhereNothingIsInserted() async throws {
        try await Workbench.with { bench in
            let listed = try await bench.scout("__complete", "bash", "63", "ho", "scout ho")
            #expect(listed.output == "closed\nhost\n")
            let several = try await bench.scout("__complete", "bash", "63", "p", "scout target ")
            #expect(several.output.isEmpty)
            let verbs = try await bench.scout("__complete", "bash", "63", "", "scout target ")
            #expect(verbs.output.contains("\nuse     (Make a scout the default.)\n"))
        }
    }

    @Test func verbsAreOfferedAndValuesAreNotWhereTheConfigurationIsBroken() async throws {
        try await Workbench.with { bench in
            Workbench.write(Array("broken = [".utf8), to: bench.directory + "/config.toml")
            let values = try await offered(bench, "scout acquire ev")
            #expect(values.isEmpty)
            let verbs = try await offered(bench, "scout acq")
            #expect(verbs == ["acquire"])
        }
    }

    @Test func anUnreachableTargetCompletesFromMemoryAtOnce() async throws {
        try await Workbench.with { bench in
            let added = try await bench.scout("target", "add", "far", "127.0.0.1:1")
            #expect(added.status == 0)
            try remember(bench, "far", ["evidence7"])
            // The best of five: other tests are at work beside this one.
            var best = Duration.seconds(60)
            for _ in 0..<5 {
                let start = ContinuousClock.now
                let answer = try await offered(bench, "scout acquire --target far ev")
                best = min(best, ContinuousClock.now - start)
                #expect(answer == ["evidence7"])
            }
            #expect(best < .milliseconds(100))
        }
    }

    /// What `scout evidence` does with a target's answer.
    private func remember(_ bench: Workbench, _ target: String, _ names: [String]) throws {
        var choices = ScoutSelection.Choices()
        choices.target = target
        let devices = names.map {
            EvidenceReport.Device(
                name: $0, path: "/dev/host/\($0)", sizeBytes: 1 << 20, readOnly: true, partitions: [], exportedOn: [])
        }
        CompletionCandidates.remember(
            EvidenceReport(devices: devices), try ScoutSelection(choices, environment: bench.environment))
    }

    @Test func descriptionsStandInAColumnBehindWideNamesToo() async throws {
        try await Workbench.with { bench in
            try remember(bench, "127.0.0.1:1", ["evidence0", "証拠の円盤"])
            let line = "scout --target 127.0.0.1:1 hash "
            let listed = try await bench.scout("__complete", "bash", "63", "", line)
            #expect(listed.output == "closed\nevidence0   (1.0 MiB, read-only)\n証拠の円盤  (1.0 MiB, read-only)\n")
        }
    }

    private static let unclean = [
        "evil\u{1B}]0;owned\u{07}", "evil\u{9B}31m", "evil\u{7F}", "evil\nline", "evil\rline", "evil\u{202E}dd.exe",
        "evil\u{2028}x",
        "evil\u{200B}x", "evil\u{FFFD}", "evil\tdescription", "",
    ]

    @Test func namesThatATerminalWouldObeyEnterNoCacheAndLeaveNone() async throws {
        try await Workbench.with { bench in
            try remember(bench, "127.0.0.1:1", Self.unclean + ["evidence0", "-x"])
            let cache = bench.directory + "/state/cache"
            let files = try FileManager.default.contentsOfDirectory(atPath: cache)
            #expect(files.count == 1)
            let file = "\(cache)/\(files.first ?? "")"
            let kept = String(decoding: try File.read(file) ?? [], as: UTF8.self)
            #expect(kept == "evidence0\t1.0 MiB, read-only\n-x\t1.0 MiB, read-only\n")
            // Whoever wrote it: what is in a cache is data.
            let poison = Self.unclean.joined(separator: "\n") + "\nevidence1\tab\u{1B}[2Jout\nevidence2\tfine\n"
            Workbench.write(Array(poison.utf8) + [0xff, 0xfe, 10], to: file)
            let answer = try await bench.scout("__complete", "fish", "scout hash -t 127.0.0.1:1 ev")
            #expect(answer.output == "evil\nevidence1\nevidence2\tfine\n")
            // Nor does one that is no file, or endless, keep TAB waiting.
            unlink(file)
            #expect(mkfifo(file, 0o600) == 0)
            let fromPipe = try await offered(bench, "scout hash -t 127.0.0.1:1 ev")
            #expect(fromPipe.isEmpty)
            unlink(file)
            Workbench.write([UInt8](repeating: 0x61, count: 4 << 20), to: file)
            let fromFlood = try await offered(bench, "scout hash -t 127.0.0.1:1 ")
            #expect(fromFlood.isEmpty)
        }
    }

    @Test func scriptsOfOlderVersionsGetNothingToExpand() async throws {
        try await Workbench.with { bench in
            Workbench.write([1], to: bench.directory + "/evidence/a$(touch x)")
            let outcome = try await bench.scout("---completion", "hash", "--", "positional@0", "0", "0", "")
            #expect(outcome.output.isEmpty)
        }
    }
}

/// TAB, then Enter, in the shells themselves.
@Suite struct CompletionInShellsTests {
    /// Names that are a trap, or ordinary; each begins with a letter of its own.
    private static func names(_ bench: Workbench) -> [String] {
        let trap = "touch${IFS}trap"
        return [
            "a$(\(trap))", "b`\(trap)`", "c;\(trap);", "d'e\"f", "u v", "f*?[a-z]", "g~", "h!!i!j", "i&|<>()#", "jé ñ",
            "k\\n\\", "l#x",
            "m{a,b}", "n=$HOME", "o%^,o", "p!", "q\"", "r'", "日本 語", "~root", "s$'\\x41'",
        ]
    }

    private static let unclean = ["x\u{1B}]0;owned\u{07}", "x\ny", "x\u{9B}31m", "x\u{202E}y"]

    @Test(arguments: Shell.allCases) func namesOfEvidenceAreInsertedQuotedAndNothingRuns(shell: Shell) async throws {
        try await Workbench.with { bench in
            let names = Self.names(bench)
            for name in names + Self.unclean { Workbench.write([1], to: "\(bench.directory)/evidence/\(name)") }
            try await ShellTerminal.with(shell, bench) { terminal in
                for name in names {
                    let first = String(name.prefix(1))
                    for open in ["", "'", "\""] {
                        // Without quotes, a tilde is the shell's.
                        if first == "~", open.isEmpty { continue }
                        let words = try await terminal.run("scout hash \(open)\(first)\t")
                        #expect(words == ["hash", name], "\(open)")
                    }
                }
                let spaced = try await terminal.run("scout hash u\\ \t")
                #expect(spaced == ["hash", "u v"])
                let none = try await terminal.run("scout hash x\t")
                #expect(none == ["hash", "x"])
                // A list of them all.
                try terminal.type("scout hash \t\t")
                try await terminal.wait(for: "jé")
                try await Task.sleep(for: .milliseconds(200))
                let screen = terminal.screen
                for raw in ["]0;owned", "\u{9B}", "\u{202E}"] { #expect(!screen.contains(raw)) }
            }
            #expect(access(bench.directory + "/work/trap", F_OK) != 0)
            let left = try FileManager.default.contentsOfDirectory(atPath: bench.directory + "/work")
            #expect(left.isEmpty, "\(left)")
        }
    }

    @Test(arguments: Shell.allCases) func leasesTargetsAndTopologiesAreInsertedQuoted(shell: Shell) async throws {
        try await Workbench.with { bench in
            let trap = "$(touch${IFS}trap)"
            let configuration = """
                default-target = "far"
                [target.far]
                address = "127.0.0.1:1"
                [target."case `touch trap`"]
                address = "127.0.0.1:1"
                [topology.bench]
                [topology.'m\(trap)']
                [topology."u\\u001B]0;owned"]

                """
            Workbench.write(Array(configuration.utf8), to: bench.directory + "/config.toml")
            mkdir(bench.directory + "/state", 0o700)
            mkdir(bench.directory + "/state/cache", 0o700)
            let leases = "2001\nlea\(trap)\tport 2001\nle\u{1B}]0;owned\u{07}\n"
            Workbench.write(Array(leases.utf8), to: bench.directory + "/state/cache/ports-far")
            Workbench.write([1], to: bench.directory + "/my file.dd")
            try await ShellTerminal.with(shell, bench) { terminal in
                for (line, expected) in [
                    ("scout release -t far le\t", ["release", "-t", "far", "lea\(trap)"]),
                    ("scout release -t far 20\t", ["release", "-t", "far", "2001"]),
                    ("scout evidence --target=ca\t", ["evidence", "--target=case `touch trap`"]),
                    ("scout evidence --target=\"ca\t", ["evidence", "--target=case `touch trap`"]),
                    ("scout -t ca\t", ["-t", "case `touch trap`"]),
                    ("scout --topology m\t ports", ["--topology", "m\(trap)", "ports"]),
                    ("scout --topology u\t ports", ["--topology", "u", "ports"]),
                    (
                        "scout acquire nbd://127.0.0.1:2000/x ../my\t",
                        ["acquire", "nbd://127.0.0.1:2000/x", "../my file.dd"]
                    ),
                    ("scout verify ~/my\t", ["verify", bench.directory + "/my file.dd"]),
                    ("scout verify ~/evid\tevidence0", ["verify", bench.directory + "/evidence/evidence0"]),
                    (
                        "scout -q ev\t-t root@10.1.0.2:22 --js\t",
                        ["-q", "evidence", "-t", "root@10.1.0.2:22", "--json"]
                    ),
                ] {
                    let words = try await terminal.run(line)
                    #expect(words == expected, "\(line)")
                }
                try terminal.type("scout release -t far \t\t")
                try await terminal.wait(for: "2001")
                try await Task.sleep(for: .milliseconds(200))
                #expect(!terminal.screen.contains("]0;owned"))
            }
            let left = try FileManager.default.contentsOfDirectory(atPath: bench.directory + "/work")
            #expect(left.isEmpty, "\(left)")
        }
    }
}
