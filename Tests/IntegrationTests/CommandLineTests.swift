import Core
import FoundationEssentials
import Platform
import TestSupport
import Testing

/// The command line itself: targets, global options, errors for people and for programs.
@Suite struct CommandLineTests {
    private struct Targets: Decodable {
        struct Row: Decodable {
            let name: String
            let address: String
            let isDefault: Bool
        }
        let schema: String
        let targets: [Row]
    }

    private func targets(_ bench: Workbench) async throws -> [Targets.Row] {
        let outcome = try await bench.scout("target", "list", "--json")
        let report = try JSON.decoder().decode(Targets.self, from: Data(outcome.output.utf8))
        #expect(report.schema == "scout.target/1")
        return report.targets
    }

    @Test func targetsAreAddedUsedAndRemoved() async throws {
        try await Workbench.with { bench in
            for (arguments, status) in [
                (["add", "one", "10.1.0.2"], 0), (["add", "two", "me@10.1.0.3:2222"], 0),
                (["add", "one", "10.1.0.9"], 64),
                (["add", "local", "10.1.0.9"], 64), (["add", "three", "no address"], 64), (["use", "two"], 0),
                (["use", "nobody"], 64), (["show", "two"], 0), (["remove", "one"], 0), (["remove", "one"], 64),
            ] as [([String], Int32)] {
                let outcome = try await bench.scout.run(["target"] + arguments)
                #expect(outcome.status == status, "\(arguments): \(outcome.errors)")
            }
            let left = try await targets(bench)
            #expect(left.map(\.name) == ["two"])
            #expect(left.first?.address == "me@10.1.0.3:2222")
            #expect(left.first?.isDefault == true)
        }
    }

    @Test func twelveTargetsAddedAtOnceAreTwelve() async throws {
        try await Workbench.with { bench in
            let statuses = try await withThrowingTaskGroup(of: Int32.self) { group in
                for number in 0..<12 {
                    group.addTask { try await bench.scout("target", "add", "t\(number)", "10.1.0.2").status }
                }
                return try await group.reduce(into: [Int32]()) { $0.append($1) }
            }
            #expect(statuses == [Int32](repeating: 0, count: 12))
            let rows = try await targets(bench)
            #expect(Set(rows.map(\.name)) == Set((0..<12).map { "t\($0)" }))
            #expect(rows.count { $0.isDefault } == 1)
        }
    }

    @Test func settingsThatAnotherHoldsAreNotWaitedForWithoutEnd() async throws {
        try await Workbench.with { bench in
            async let held = bench.tool("flock")(bench.directory, "sleep", "12")
            try await Task.sleep(for: .milliseconds(500))
            let outcome = try await bench.scout("target", "add", "late", "10.1.0.2")
            #expect(outcome.status == 75)
            #expect(outcome.errors.contains("another scout is changing"))
            _ = try await held
        }
    }

    @Test func everyRemoteCommandTakesAnIdentity() async throws {
        try await Workbench.with { bench in
            for command in [
                ["evidence"], ["ports"], ["release", "2000"], ["hash", "evidence0"],
                ["acquire", "evidence0", bench.directory + "/x.dd"], ["serve", "nbd", "evidence0"],
                ["exec", "--", "true"],
            ] {
                let options = ["--identity", "/nowhere/key", "--target", "root@127.0.0.1:1"]
                let outcome = try await bench.scout.run(options + command)
                #expect(outcome.status == 66, "\(command): \(outcome.errors)")
                #expect(outcome.errors.contains("/nowhere/key"), "\(command): \(outcome.errors)")
            }
            let added = try await bench.scout("target", "add", "one", "127.0.0.1:1", "--identity", "/elsewhere/key")
            #expect(added.status == 0, "\(added.errors)")
            // The command line is above the target's own.
            let own = try await bench.scout("ports", "-t", "one")
            #expect(own.errors.contains("/elsewhere/key"))
            let other = try await bench.scout("ports", "-t", "one", "--identity=/nowhere/key")
            #expect(other.errors.contains("/nowhere/key"))
        }
    }

    @Test func globalOptionsMayStandBeforeTheCommand() async throws {
        try await Workbench.with { bench in
            let before = try await bench.scout("--json", "--topology", "bench", "ports")
            let after = try await bench.scout("ports", "--json", "--topology=bench")
            #expect(before.status == 0)
            #expect(before.output == after.output)
            let inside = try await bench.scout("--target", "local", "serve", "--quiet", "nbd", "evidence0", "--json")
            #expect(inside.status == 0, "\(inside.errors)")
        }
    }

    @Test func errorsAreOneObjectWhereJSONIsAskedFor() async throws {
        try await Workbench.with { bench in
            for (arguments, code) in [
                (["--json", "serve", "nbd", "ghost"], ScoutError.Code.noSource),
                (["ports", "--json", "--nonsense"], .usage),
                (["evidence", "--json", "--target", "ghost"], .usage),
                (["evidence", "--json", "--topology", "moon"], .usage),
                (["verify", "--json", "/nowhere.dd"], .noSource),
                (["acquire", "--json", "nbd://127.0.0.1:1/", "x.dd"], .unreachable),
                (["acquire", "--json", "nbd://10.1.0.2:2000/", "x.dd"], .refused),
            ] {
                let outcome = try await bench.scout.run(arguments)
                let error = #expect(throws: ScoutError.self) {
                    try JSON.decode(PortsReport.self, from: Data(outcome.output.utf8))
                }
                #expect(error?.code == code, "\(arguments): \(outcome.output)")
                #expect(outcome.status == code.exitStatus, "\(arguments)")
                #expect(outcome.errors.isEmpty, "\(arguments): \(outcome.errors)")
            }
        }
    }

    @Test func noDefaultTargetIsEverDialledUnasked() async throws {
        try await Workbench.with { bench in
            var scout = bench.scout
            scout.environment["SCOUT_TOPOLOGY"] = nil
            let outcome = try await scout("evidence")
            #expect(outcome.status == 77)
            #expect(outcome.errors.contains("SCOUT_DIAL_ONLY does not permit a connection to 10.1.0.2"))
        }
    }

    @Test func everyCommandHasHelp() async throws {
        let scout = Command(Project.binary, environment: Project.environment)
        for command in [
            [], ["target"], ["target", "add"], ["evidence"], ["acquire"], ["verify"], ["hash"], ["serve"],
            ["serve", "nbd"],
            ["ports"], ["release"], ["exec"],
        ] {
            let outcome = try await scout.run(command + ["--help"])
            #expect(outcome.status == 0)
            #expect(outcome.output.contains("USAGE: scout"))
        }
        #expect(try await scout("--version").output == "0.1.0\n")
    }
}
