import Core
import Platform
import TestSupport
import Testing

@testable import Diagnostics

/// The next step that the doctor names.
@Suite struct AdviceTests {
    /// The commands are typed as they stand, and leave all of a target but its address alone.
    @Test(
        arguments: [
            ("ann@10.1.0.2:2222", "~/keys/it's \"mine\" $(id)", "22.04"), ("10.1.0.2", nil, nil),
        ] as [(String, String?, String?)])
    func anotherAddressCostsATargetNothingElse(address: String, identity: String?, topology: String?) async throws {
        try await Workbench.with { bench in
            let path = try #require(bench.environment["SCOUT_CONFIG"])
            var target = Target(
                name: "case42", address: try #require(Address(address)), identity: identity, topology: topology)
            try ConfigurationFile(path).add(target)
            let commands = HostUnreachableCheck.renaming(target, to: "10.1.0.7", try Configuration.load(path))
            let outcome = try await bench.tool("bash")("-ec", "scout() { '\(Project.binary)' \"$@\"; }; \(commands)")
            #expect(outcome.status == 0, "\(commands): \(outcome.errors)")
            target.address.host = "10.1.0.7"
            let new = try Configuration.load(path)
            #expect(new.targets == ["case42": target] && new.defaultTarget == "case42", "\(commands)")
        }
    }

    /// A disk that nobody could look at is neither writable nor empty.
    @Test func whatIsNotKnownOfADeviceIsNotTold() async throws {
        try await Workbench.with { bench in
            let made = try await bench.tool("ln")("-s", "nowhere", bench.directory + "/evidence/evidence1")
            #expect(made.status == 0)
            let listed = try await bench.scout("evidence").output.split(separator: "\n").map {
                $0.split(separator: "\t")
            }
            #expect(listed.count == 2 && listed[0].prefix(3) == ["evidence0", "1048576", "read-only"], "\(listed)")
            #expect(listed.last?.prefix(3) == ["evidence1", "-", "not known"], "\(listed)")
            let status = try await bench.scout("status").output
            #expect(status.contains("evidence1, NOT known: No such file") && !status.contains("WRITABLE"), "\(status)")
        }
    }
}
