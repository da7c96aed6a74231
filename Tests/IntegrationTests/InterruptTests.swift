import Core
import FoundationEssentials
import TestSupport
import Testing

/// Whoever is interrupted, at whatever moment, leaves nothing behind, here or there.
@Suite(InLab(.loopback), .serialized)
struct InterruptTests {
    private let lab: Lab

    init() throws {
        lab = try #require(Lab.current)
    }

    /// Starts scout with signals as a shell's foreground has them, does something to it, and tells what is left of it.
    ///
    /// - Parameters:
    ///   - arguments: scout's.
    ///   - script: what is done to `$job`.
    ///   - ignored: a signal that is ignored from the start.
    /// - Returns: its words on stderr and stdout; then `status N after MS` since `$begun`, and a line for each thing left.
    private func interrupted(_ arguments: [String], _ script: String, ignored: String? = nil) async throws -> String {
        let start =
            ignored.map { "env --default-signal=INT,TERM --ignore-signal=\($0)" } ?? "env --default-signal=INT,TERM,HUP"
        let whole = """
            remote=$1 client=$2; shift 2
            left() {
                find "$remote/run" "$client/run" -name '*.psk'
                for path in $(grep -lzsx "SCOUT_RUNTIME_DIR=$remote/run" /proc/[0-9]*/environ); do
                    tr '\\0' ' ' < "${path%/environ}/cmdline" && echo
                done
            } 2> /dev/null
            \(start) "$@" 2>&1 < /dev/null & job=$!
            begun=$EPOCHREALTIME
            \(script)
            wait $job; status=$?
            echo "status $status after $(( (${EPOCHREALTIME/./} - ${begun/./}) / 1000 ))"
            for _ in $(seq 40); do [ -z "$(left)" ] && break; sleep 0.05; done
            left | sed 's/^/left: /'
            """
        let line = lab.expert(["scout"] + lab.target + arguments)
        return try await Command("bash", environment: line.environment.merging(lab.expert(["true"]).environment) { $1 })
            .run(
                ["-c", whole, "bash", lab["SCOUT_LAB_REMOTE"], lab["SCOUT_LAB_STATE"] + "/client"] + line.arguments
            ).output
    }

    private func milliseconds(_ said: String) -> Int? {
        said.split(separator: " ").last { $0.allSatisfy { $0.isNumber || $0 == "\n" } }.flatMap {
            Int($0.filter(\.isNumber))
        }
    }

    @Test func anAcquisitionInterruptedAtAnyMomentLeavesNothing() async throws {
        let scenarios = try Scenarios()
        try await scenarios.withDirectory { directory in
            // The same moments in every run, so that a failure can be repeated.
            var moment = UInt32(20261125)
            for number in 0..<14 {
                moment = moment &* 1_664_525 &+ 1_013_904_223
                let delay = Double(moment >> 8 & 1023) / 1023 * 1.3
                let second = number.isMultiple(of: 2) ? "sleep 0.\(moment >> 20 & 3); kill -INT $job 2> /dev/null" : ""
                let source = number.isMultiple(of: 3) ? ["--verify-source"] : []
                let said = try await interrupted(
                    ["acquire", "evidence0", "\(directory)/\(number).dd", "--quiet"] + source,
                    "sleep \(delay); kill -INT $job 2> /dev/null; begun=$EPOCHREALTIME; \(second)")
                #expect(said.contains("status 130") || said.contains("status 0"), "after \(delay) s: \(said)")
                #expect(!said.contains("left:"), "after \(delay) s: \(said)")
                #expect(try #require(milliseconds(said)) < 2000, "after \(delay) s: \(said)")
            }
        }
        try await scenarios.expectAllPortsFree()
    }

    @Test func whoCannotReachTheFarSideSaysWhatStaysThere() async throws {
        let scenarios = try Scenarios()
        try await scenarios.withDirectory { directory in
            // sshd's side of the session is stopped as soon as the export is there: nothing can be released.
            let said = try await interrupted(
                ["acquire", "evidence0", "\(directory)/x.dd", "--quiet", "--json"],
                """
                for _ in $(seq 400); do [ -s \(directory)/x.dd.partial ] && break; sleep 0.01; done
                frozen=$(pgrep -f "^sshd: .*@notty" | while read -r pid; do
                    [ "$(ss -Htnp state established | grep -c "pid=$pid,")" -gt 0 ] && ss -Htnp | grep "pid=$pid," |
                        grep -q '\(lab["SCOUT_LAB_ADDRESS"]):\(lab["SCOUT_LAB_PORT"])' && echo $pid; done)
                kill -STOP $frozen
                kill -INT $job; sleep 0.3; kill -INT $job; begun=$EPOCHREALTIME
                wait $job; told=$?; (sleep 2.5; kill -CONT $frozen) &
                (exit $told)
                """)
            #expect(said.contains("ends by itself after 10 minutes"), "\(said)")
            #expect(said.contains("\"interrupted\""), "\(said)")
        }
        _ = try await lab.scout("release", "--all")
        try await scenarios.expectAllPortsFree()
    }

    @Test func aPortThatIsNotReleasedIsToldEvenByTheQuiet() async throws {
        let scenarios = try Scenarios()
        try await scenarios.withDirectory { directory in
            // The session ends while the image is made; the data come by another way, and the image is good.
            let said = try await interrupted(
                ["acquire", "evidence0", "\(directory)/x.dd", "--quiet", "--read-zeros", "--hash", "sha512,sha1"],
                """
                for _ in $(seq 400); do [ -s \(directory)/x.dd.partial ] && break; sleep 0.01; done
                for pid in $(pgrep -f "^sshd: .*@notty"); do
                    ss -Htnp | grep "pid=$pid," | grep -q '\(lab["SCOUT_LAB_ADDRESS"]):\(lab["SCOUT_LAB_PORT"])' &&
                        kill -KILL "$pid"
                done
                """)
            #expect(said.contains("status 0"), "\(said)")
            #expect(said.contains("was not released") && said.contains("may still be on port"), "\(said)")
        }
        _ = try await lab.scout("release", "--all")
        try await scenarios.expectAllPortsFree()
    }

    @Test func whatNohupMadeUsIgnoreStaysIgnored() async throws {
        try await Scenarios().withDirectory { directory in
            let said = try await interrupted(
                ["acquire", "evidence0", "\(directory)/x.dd", "--quiet"],
                "for _ in $(seq 400); do [ -s \(directory)/x.dd.partial ] && break; sleep 0.01; done; kill -HUP $job",
                ignored: "HUP")
            #expect(said.contains("status 0"), "\(said)")
        }
        // And a command that takes our place finds its signals as they were.
        let mask = "sed -n 's/^SigIgn:[^0-9a-f]*//p' /proc/self/status"
        let direct = try await Command("env", environment: Project.environment).run(["sh", "-c", mask])
        let within = try await Command(Project.binary, environment: Project.environment).run(
            ["exec", "--target", "local", "--", "sh", "-c", mask])
        // Those above 31 are the C library's own.
        let ignored = [within, direct].map {
            UInt64($0.output.filter { $0 != "\n" }, radix: 16).map { $0 & 0x7FFF_FFFF }
        }
        #expect(ignored[0] != nil && ignored[0] == ignored[1], "\(within) \(direct)")
    }

    @Test func aHashEndsWithItsExpert() async throws {
        // Long enough to be caught at work; sparse, so it costs nothing to make.
        let image = lab["SCOUT_LAB_REMOTE"] + "/evidence/evidence9"
        _ = try await lab.onExpert(["truncate", "--size=200G", image])
        let said = try await interrupted(
            ["hash", "evidence9"],
            "for _ in $(seq 100); do left | grep -q ' hash ' && break; sleep 0.05; done; left; kill -KILL $job"
        )
        _ = try await lab.onExpert(["rm", image])
        #expect(said.contains(" local hash ") && said.contains("status 137") && !said.contains("left:"), "\(said)")
    }

    @Test func aServiceThatIsInterruptedIsReleased() async throws {
        for delay in ["0", "0.15", "0.3", "1.2"] {
            let said = try await interrupted(
                ["serve", "nbd", "evidence0", "--foreground"], "sleep \(delay); kill -INT $job; begun=$EPOCHREALTIME")
            #expect(said.contains("status 130") && !said.contains("left:"), "after \(delay) s: \(said)")
            #expect(try #require(milliseconds(said)) < 2000, "after \(delay) s: \(said)")
        }
        try await Scenarios().expectAllPortsFree()
    }
}
