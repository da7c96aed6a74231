import Core
import Glibc
@testable import Host
import Netfilter
import TestSupport
import Testing

/// The owner's rules, as they lie in a directory.
@Suite struct CustomRuleFilesTests {
    /// What becomes of `firewall.d` with these files in it.
    private func load(_ files: [String: String], mode: mode_t = 0o600) throws -> (
        rules: [CustomRules], problems: [ScoutError]
    ) {
        let home = "/tmp/scout-rules-\(Project.uniqueName())"
        let directory = home + "/firewall.d"
        for path in [home, directory] { try #require(mkdir(path, 0o700) == 0) }
        for (name, text) in files {
            Workbench.write(Array(text.utf8), to: "\(directory)/\(name)")
            try #require(chmod("\(directory)/\(name)", mode) == 0)
        }
        defer {
            for name in files.keys { unlink("\(directory)/\(name)") }
            for path in [directory, home] { rmdir(path) }
        }
        return CustomRules.load(Paths(environment: ["SCOUT_HOST_DIR": home]))
    }

    private static let own = "*filter\n-A CUSTOM_INPUT -s 192.0.2.9 -j ACCEPT\nCOMMIT\n"

    @Test func filesAreReadInTheOrderOfTheirNames() throws {
        let found = try load(["b.ipv6": Self.own, "a.ipv4": Self.own, ".hidden": "-F", "a.ipv4~": "-F"])
        #expect(found.problems.isEmpty)
        #expect(found.rules.map(\.family) == [.ipv4, .ipv6])
        #expect(found.rules.map { $0.name.split(separator: "/").last } == ["a.ipv4", "b.ipv6"])
    }

    @Test func noDirectoryIsNoRules() {
        let found = CustomRules.load(Paths(environment: ["SCOUT_HOST_DIR": "/nonexistent"]))
        #expect(found.rules.isEmpty && found.problems.isEmpty)
    }

    @Test func whatCannotBeTakenKeepsTheOthersAndIsNamed() throws {
        let found = try load(["bad.ipv4": "*filter\n-F\n", "good.ipv4": Self.own, "other": Self.own])
        #expect(found.rules.count == 1)
        #expect(found.problems.map(\.code) == [.badData, .badData])
        #expect(found.problems.first?.message.hasSuffix("/firewall.d/bad.ipv4, line 2: '-F' is not a rule") == true)
        #expect(found.problems.first?.hint?.contains("CUSTOM_INPUT") == true)
        #expect(found.problems.last?.message.contains("neither IPv4 nor IPv6") == true)
    }

    @Test(arguments: [0o620, 0o602] as [mode_t]) func whatOthersMayWriteIsRefused(mode: mode_t) throws {
        let found = try load(["own.ipv4": Self.own], mode: mode)
        #expect(found.rules.isEmpty && found.problems.map(\.code) == [.refused])
    }
}
