import Foundation
import TestSupport
import Testing

/// `acquire` and `verify` as their users see them: what they print, and how they end.
@Suite struct AcquireTests {
    /// Runs scout against an nbdkit of its own; `$uri` and `$D` stand for the server and an empty directory.
    private func run(_ plugin: [String], _ command: String) async throws -> Outcome {
        let directory = "/tmp/scout-acquire-" + Project.uniqueName()
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        var environment = Project.environment
        environment["D"] = directory
        environment["SCOUT"] = Project.binary
        environment["SCOUT_CONFIG"] = directory + "/config.toml"
        environment["SCOUT_RUNTIME_DIR"] = directory + "/run"
        return try await Command("nbdkit", environment: environment).run(
            ["-r", "-U", "-"] + plugin + ["--run", command])
    }

    private func object(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    private static let badDisk = [
        "eval", "get_size=echo 65536",
        "pread=if [ $4 -lt 1024 ]; then echo EIO bad >&2; exit 1; fi; dd if=/dev/zero count=$3 bs=1 status=none",
    ]

    @Test func oneObjectTellsAllConditions() async throws {
        let outcome = try await run(Self.badDisk, #"exec "$SCOUT" acquire "$uri" "$D/x.dd" --json"#)
        #expect(outcome.status == 74)
        let manifest = try object(outcome.output)
        #expect(manifest["schema"] as? String == "scout.acquire/1")
        let conditions = try #require(manifest["conditions"] as? [[String: Any]])
        #expect(conditions.map { $0["code"] as? String } == ["io"])
        #expect(outcome.errors.contains("1 unreadable ranges, 1024 bytes"))
        #expect((manifest["coverage"] as? [String: Any])?["unreadableBytes"] as? Int == 1024)
    }

    @Test func promisedZerosAreNeverCalledRead() async throws {
        let outcome = try await run(
            ["memory", "4M"],
            #"cd "$D" && "$SCOUT" acquire "$uri" x.dd && "$SCOUT" verify x.dd && cat x.dd.txt && "$SCOUT" verify x.dd --json > json"#
        )
        #expect(outcome.status == 0, "\(outcome.errors)")
        for words in ["Every byte of the source was read", "read again and verified", "is intact"] {
            #expect(!outcome.output.contains(words), "\(words)")
        }
        let told = "4194304 bytes in 1 range of the source were not read: zeros only promised by the server."
        #expect(outcome.output.components(separatedBy: told).count == 4)
    }

    @Test func whatWasReadIsSaidSo() async throws {
        let outcome = try await run(
            ["memory", "4M"],
            #"cd "$D" && "$SCOUT" acquire --read-zeros "$uri" x.dd && "$SCOUT" verify x.dd && cat x.dd.txt"#)
        #expect(outcome.status == 0, "\(outcome.errors)")
        for words in ["Every byte of the source was read.", "read again and verified", "x.dd is intact"] {
            #expect(outcome.output.contains(words), "\(words)")
        }
        #expect(!outcome.output.contains("only promised by"))
    }

    @Test(arguments: [
        (#""$SCOUT" acquire --json nbds://127.0.0.1:1/x "$D/x.dd""#, 77),
        (#""$SCOUT" acquire --json "$uri" """#, 64), (#""$SCOUT" acquire --json "$uri" "$D""#, 73),
        (#""$SCOUT" acquire --json "$uri" "$D/no/x.dd""#, 73), (#""$SCOUT" acquire --json "$uri" /proc/x.dd"#, 73),
        (#"mkfifo "$D/x.dd" && "$SCOUT" verify --json "$D/x.dd""#, 66),
        (#": > "$D/x.dd" && mkfifo "$D/x.dd.scout.json" && "$SCOUT" verify --json "$D/x.dd""#, 65),
    ])
    func aRefusalIsOneObjectAndLeavesNothing(command: String, status: Int32) async throws {
        let outcome = try await run(
            ["memory", "1M"], "(\(command)); s=$?; ls -A \"$D\" | grep -c 'partial\\|txt' >&2; exit $s")
        #expect(outcome.status == status)
        #expect(try object(outcome.output)["error"] != nil)
        #expect(outcome.errors.hasSuffix("0\n"), "\(outcome.errors)")
    }

    @Test func verifyTellsEveryDifferenceInOneObject() async throws {
        let outcome = try await run(
            ["pattern", "1M"],
            #"cd "$D" && "$SCOUT" acquire "$uri" x.dd -q >/dev/null && printf x >> x.dd && echo >> x.dd.scout.json; "$SCOUT" verify x.dd --json"#
        )
        #expect(outcome.status == 1)
        let conditions = try #require(try object(outcome.output)["conditions"] as? [[String: Any]])
        let messages = conditions.compactMap { $0["message"] as? String }
        for words in ["1048577 bytes", "MD5", "SHA-256", "the report beside it"] {
            #expect(messages.contains { $0.contains(words) }, "\(words)")
        }
    }
}
