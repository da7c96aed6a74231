import Core
import FoundationEssentials
import Glibc
import Platform
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
            odd.identity = "/keys/a \"b\" \\ c\td\u{1B}\u{7F}\u{9B}"
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

    @Test(arguments: [
        ("\n[target.x]\naddress = \"a\"\nuser = \"root\"", "line 4: unknown key: user in [target.x]"),
        ("# first\ncolour = 1", "line 2: unknown key: colour"),
        ("[topology.\"a b\"]\nbased-on = \"22.04\"\nssh-prt = 1", "line 3: unknown key: ssh-prt in [topology.a b]"),
        ("[target.y]\naddress = \"b\"\n[target.x]\nidentity = \"i\"\n", "line 3: 'address' is missing in [target.x]"),
        ("[target.x]\naddress = 7", "line 2: target.x.address: not the type expected"),
        ("[topology.x]\nssh-port = 70000", "line 2: [topology.x]: ssh-port: '70000' is no port"),
        ("[topology.x]\r\n\r\nhost-control-port = 0", "line 3: [topology.x]: host-control-port"),
        ("\u{FEFF}[topology.x]\nssh-port = -1", "line 2: [topology.x]: ssh-port"),
        ("[topology.x]\nssh-port = 4294967318", "is no port"),
        ("[topology.x]\nhost-vpn-address = \"fe80::1%eth0\"", "line 2: [topology.x]: host-vpn-address"),
        ("a = '''\n[target.x]\n'''\n[target.x]\nuser = 1\naddress = \"b\"", "line 5: unknown key: user in [target.x]"),
        ("[target.x]\naddress = \" \"", "line 2: [target.x]: address: ' ' is no address"),
        ("\n[[[", "line 2: a table's name is expected, and there is '['"),
        ("[!x]", "line 1: a table's name is expected, and there is '!'"),
        ("[ [ x ] ]", "expected, and there is '['"), ("[]", "blank"), ("[", "there is nothing"),
        ("[[\n", "there is nothing"), ("[[ #", "there is '#'"),
        ("[\u{202E}x]", "'\\u{202E}'"),
    ])
    func whatIsWrongIsNamedWithItsTableAndLine(text: String, expected: String) throws {
        try withFile(text) { _ in
            let error = #expect(throws: ScoutError.self) { try Configuration.load(path) }
            #expect(error?.code == .badData)
            #expect(error?.message.contains(expected) == true, "\(error?.message ?? "")")
        }
    }

    @Test(arguments: [
        "tap0; reboot", "tap0 -j ACCEPT", "tap+", "*", "a/b", "", ".", "..", "sixteen-bytes-xx", "a\\\"b", "a'b", "-i",
        "tap0\\n-A INPUT", "ü", "a:b", "%d",
    ])
    func namesThatRulesCouldReadOtherwiseAreNoInterfaces(name: String) throws {
        for key in ["vpn-interface", "container-interface"] {
            try withFile("[topology.x]\n\(key) = \"\(name)\"") { _ in
                let error = #expect(throws: ScoutError.self) { try Configuration.load(path) }
                #expect(error?.code == .badData)
                let message = error?.message ?? ""
                #expect(message.contains("line 2: [topology.x]: \(key): "), "\(message)")
            }
        }
        for good in ["tap0", "eth0.100", "ve-container", "wg_1", "fifteen-bytes-x"] {
            #expect(NetworkInterface.isName(good))
        }
    }

    @Test(arguments: ["\n", "\r\n"], ["", "\u{FEFF}"])
    func lineEndsMarksAndLinksSurviveEveryVerb(end: String, mark: String) throws {
        let lines = [
            "# mine", "default-target = \"a\"  # the one", "", "[target.'a']", "address = \"10.1.0.2\"", "",
            "# the second", "[target.b]", "address = \"10.1.0.3\"", "",
        ]
        let original = mark + lines.joined(separator: end)
        let directory = "\(path).d"
        let (real, middle, link) = (directory + "/real.toml", directory + "/middle", directory + "/link")
        let manager = FileManager.default
        try manager.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? manager.removeItem(atPath: directory) }
        try File.replace(real, with: original.utf8, mode: 0o640)
        try manager.createSymbolicLink(atPath: middle, withDestinationPath: "real.toml")
        try manager.createSymbolicLink(atPath: link, withDestinationPath: middle)
        let file = ConfigurationFile(link)
        func check() throws {
            let text = String(decoding: try File.read(real) ?? [], as: UTF8.self)
            let scalars = text.unicodeScalars
            let feeds = scalars.count { $0 == "\n" }
            #expect(scalars.count { $0 == "\r" } == (end == "\n" ? 0 : feeds))
            #expect(scalars.count { $0 == "\u{FEFF}" } == mark.unicodeScalars.count)
            #expect(scalars.starts(with: (mark + "# mine").unicodeScalars))
            #expect(text.contains("\"  # the one") && text.contains("# the second"))
            let (first, second) = (
                try manager.destinationOfSymbolicLink(atPath: link),
                try manager.destinationOfSymbolicLink(atPath: middle)
            )
            #expect(first == middle && second == "real.toml")
            var info = stat()
            #expect(stat(real, &info) == 0 && info.st_mode & 0o777 == 0o640)
        }
        try file.add(target("new", "10.1.0.4"))
        try check()
        try file.use("new")
        try check()
        let used = try Configuration.load(link)
        #expect(used.defaultTarget == "new")
        try file.use("a")
        try file.remove("new")
        let restored = String(decoding: try File.read(real) ?? [], as: UTF8.self)
        #expect(Array(restored.utf8) == Array(original.utf8))
        try file.remove("b")
        try check()
        let left = try Configuration.load(link)
        #expect(left.targets.keys.sorted() == ["a"])
    }

    @Test func aLinkToAFileThatIsNotThereYetIsFilled() throws {
        let (real, circle) = (path + ".real", path + ".circle")
        defer { for file in [path, real, circle] { try? FileManager.default.removeItem(atPath: file) } }
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: real)
        try ConfigurationFile(path).add(target("one"))
        let read = try Configuration.load(real)
        #expect(read.targets["one"] != nil)
        let destination = try FileManager.default.destinationOfSymbolicLink(atPath: path)
        #expect(destination == real)
        try FileManager.default.createSymbolicLink(atPath: circle, withDestinationPath: circle)
        let error = #expect(throws: ScoutError.self) { try ConfigurationFile(circle).add(target("one")) }
        #expect(error?.code == .io)
    }

    @Test(arguments: [[0xff, 0xfe, 0x61, 0x00], [0x23, 0x20, 0xe9, 0x0a], [0x61, 0x00]] as [[UInt8]])
    func whatIsNotUTF8IsRefusedAndLeftAlone(bytes: [UInt8]) throws {
        try File.replace(path, with: bytes)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let error = #expect(throws: ScoutError.self) { try ConfigurationFile(path).add(target("one")) }
        #expect(error?.code == .badData)
        #expect(error?.message.contains("UTF-8") == true)
        let left = try File.read(path)
        #expect(left == bytes)
    }

    @Test func devicesPipesAndDirectoriesAreNotReplaced() throws {
        defer { for file in [path, path + ".d"] { try? FileManager.default.removeItem(atPath: file) } }
        #expect(mkfifo(path, 0o600) == 0 && mkdir(path + ".d", 0o700) == 0)
        for special in [path, path + ".d"] {
            let error = #expect(throws: ScoutError.self) { try ConfigurationFile(special).add(target("one")) }
            #expect(error?.code == .cannotCreate)
            var info = stat()
            #expect(stat(special, &info) == 0 && info.st_mode & S_IFMT != S_IFREG)
        }
    }

    @Test func aTableIsRemovedWithItsLinesAndNothingOfTheNext() throws {
        let rest = "# about b\n[target.b]\naddress = \"h\"\n\n[target.\"c\"]\naddress = \"h\""
        try withFile("[target.a]\naddress = \"h\"\n# about a\nidentity = \"[x]\"\n\n" + rest) { file in
            try file.remove("a")
            let first = try contents()
            #expect(first == "\n" + rest)
            try file.remove("c")
            let second = try contents()
            #expect(second == "\n# about b\n[target.b]\naddress = \"h\"\n")
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
