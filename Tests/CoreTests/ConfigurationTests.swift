import Core
import FoundationEssentials
import Testing

@Suite struct ConfigurationTests {
    private let path = "/tmp/scout-test-\(UInt64.random(in: 0 ... .max)).toml"

    private func withFile(_ text: String?, _ body: (ConfigurationFile) throws -> Void) throws {
        if let text { try File.replace(path, with: text.utf8) }
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(ConfigurationFile(path))
    }

    private func contents() throws -> String {
        String(decoding: try File.read(path) ?? [], as: UTF8.self)
    }

    private func target(_ name: String, _ address: String = "10.1.0.2") throws -> Target {
        Target(name: name, address: try #require(Address(address)))
    }

    @Test func firstTargetBecomesTheDefault() throws {
        try withFile(nil) { file in
            try file.add(target("one"))
            try file.add(target("two", "root@10.5.0.2:2222"))
            let read = try Configuration.load(path)
            #expect(read.defaultTarget == "one")
            #expect(read.targets["two"]?.address == Address("root@10.5.0.2:2222"))
        }
    }

    @Test func changesKeepTheUsersCommentsAndOrder() throws {
        let text = """
            # my scouts
            default-topology = "22.04"  # all of them

            [target.old]   # keep me
            address = "10.1.0.9"

            [topology.field]
            based-on = "documented"
            """
        try withFile(text) { file in
            try file.add(target("new"))
            try file.use("new")
            try file.remove("new")
            let after = try contents()
            for line in text.split(separator: "\n") { #expect(after.contains(line)) }
            #expect(!after.contains("new"))
        }
    }

    @Test func removingTheDefaultLeavesNone() throws {
        try withFile(nil) { file in
            try file.add(target("one"))
            try file.remove("one")
            let read = try Configuration.load(path)
            #expect(read.defaultTarget == nil)
            #expect(read.targets.isEmpty)
        }
    }

    @Test(arguments: ["local", "10.1.0.2", "-x", "a b", "", "a\"b", "a]b"])
    func namesThatCouldBeMistakenAreRefused(name: String) throws {
        try withFile(nil) { (file: ConfigurationFile) in
            let error = #expect(throws: ScoutError.self) { try file.add(target(name)) }
            #expect(error?.code == .usage)
            let left = try contents()
            #expect(left.isEmpty)
        }
    }

    @Test func quotesInAPathReadBack() throws {
        try withFile(nil) { file in
            var odd = try target("odd")
            odd.identity = "/keys/a \"b\" \\ c\td"
            try file.add(odd)
            #expect(try Configuration.load(path).targets["odd"]?.identity == odd.identity)
        }
    }

    @Test(arguments: [
        ("default-target = 7", "default-target"), ("colour = \"red\"", "unknown key: colour"),
        ("[target.x]\nuser = \"root\"", "address"), ("[target.x]\naddress = \"a b\"", "no address"),
        ("a = [", "line 1"), ("[topology.x]\nbased-on = \"moon\"", "no preset"),
        ("[topology.x]\ncontainer-address = \"there\"", "no numeric address"),
    ])
    func faultyFileIsRefusedWithThePlace(text: String, expected: String) throws {
        try withFile(text) { _ in
            let error = #expect(throws: ScoutError.self) { try Configuration.load(path) }
            #expect(error?.code == .badData)
            #expect(error?.message.contains(expected) == true, "\(error?.message ?? "")")
        }
    }

    @Test func ownTopologyKeepsWhatItDoesNotName() throws {
        try withFile("[topology.field]\nbased-on = \"22.04\"\ncontainer-address = \"10.9.0.2\"") { _ in
            let topology = try Configuration.load(path).topology(named: "field")
            #expect(topology.containerAddress == "10.9.0.2")
            #expect(topology.hostVPNAddress == Topology.since2021.hostVPNAddress)
        }
    }
}
