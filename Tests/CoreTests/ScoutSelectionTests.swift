import Core
import FoundationEssentials
import Testing

/// Which scout is meant, by command line, environment, configuration and interfaces.
@Suite struct ScoutSelectionTests {
    private func with(
        _ configuration: String = "", _ body: ([String: String]) throws -> Void
    ) throws {
        let directory = "/tmp/scout-selection-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let file = directory + "/config.toml"
        try Data(configuration.utf8).write(to: URL(filePath: file))
        try body(["HOME": directory, "SCOUT_CONFIG": file])
    }

    private func selected(
        _ environment: [String: String], _ change: (inout ScoutSelection.Choices) -> Void = { _ in }
    ) throws -> ScoutSelection {
        var choices = ScoutSelection.Choices()
        change(&choices)
        return try ScoutSelection(choices, environment: environment, interfaces: [])
    }

    private let two = """
        default-target = "one"
        [target.one]
        address = "127.0.0.2"
        identity = "/own/key"
        topology = "22.04"
        [target.two]
        address = "ann@127.0.0.3:2222"
        """

    @Test func theCommandLineIsAboveTheEnvironmentAndThatAboveTheDefault() throws {
        try with(two) { environment in
            let plain = try selected(environment)
            #expect(plain.targetName == "one")
            let named = environment.merging(["SCOUT_TARGET": "two"]) { $1 }
            let other = try selected(named)
            #expect(other.targetName == "two")
            let local = try selected(named) { $0.target = "local" }
            #expect(local.location == .local)
            let address = try selected(named) { $0.target = "127.0.0.9" }
            #expect(address.exportHost == "127.0.0.9")
        }
    }

    @Test func aTargetBringsItsNetworkAndItsKeyUnlessTheCommandLineNamesOthers() throws {
        try with(two) { environment in
            let own = try selected(environment)
            guard case .remote(let target) = own.location else {
                Issue.record("the default is remote")
                return
            }
            #expect(own.topology.name == "22.04" && target.identity == "/own/key")
            #expect(own.address(of: target).port == own.topology.sshPort)
            let named = try selected(environment) {
                $0.topology = "loopback"
                $0.identity = "/other/key"
            }
            guard case .remote(let again) = named.location else { return }
            #expect(named.topology.name == "loopback" && again.identity == "/other/key")
            guard case .remote(let second) = try selected(environment, { $0.target = "two" }).location else { return }
            #expect(own.address(of: second).port == 2222)
        }
    }

    @Test func whatIsNeitherATargetNorAnAddressIsAUsageError() throws {
        try with(two) { environment in
            for name in ["three", "a b", "x@"] {
                let error = #expect(throws: ScoutError.self) { try selected(environment) { $0.target = name } }
                #expect(error?.code == .usage, "\(name)")
            }
        }
        try with { environment in
            #expect(throws: ScoutError.self) { try selected(environment) { $0.topology = "moon" } }
            // Nothing named and nothing seen: the documented network is dialled, but never served.
            let plain = try selected(environment)
            #expect(plain.topology.name == Topology.documented.name)
            #expect(throws: ScoutError.self) { try plain.hostTopology() }
        }
    }
}
