import Core
import FoundationEssentials
import TestSupport
import Testing

// What the tests of `serve`, `ports` and `release` do alike.

/// Serves `evidence0` with the built program, which must succeed.
func serve(_ bench: Workbench, _ arguments: String...) async throws -> LeaseReport {
    let outcome = try await bench.scout.run(["serve", "nbd", "evidence0", "--json"] + arguments)
    try #require(outcome.status == 0, "\(outcome.errors)\(outcome.output)")
    return try JSON.decode(LeaseReport.self, from: Data(outcome.output.utf8))
}

/// What `ports` says.
func ports(_ bench: Workbench) async throws -> PortsReport {
    let outcome = try await bench.scout("ports", "--json")
    return try JSON.decode(PortsReport.self, from: Data(outcome.output.utf8))
}
