import FoundationEssentials
import Platform
import TestSupport
import Testing

/// The walls of Docs/Architecture.md that the compiler does not keep.
@Suite struct WallsTests {
    private struct Source {
        let room: String
        let name: String
        let lines: [String]

        /// What it imports, each by the module's name.
        var imports: Set<String> {
            Set(
                lines.compactMap { line in
                    let tokens = line.split(separator: " ")
                    guard let place = tokens.firstIndex(of: "import"), tokens.indices.contains(place + 1),
                        tokens[..<place].allSatisfy({ ["public", "package", "internal"].contains($0) })
                    else { return nil }
                    return String(tokens[place + 1].prefix { $0 != "." })
                })
        }
    }

    private static func text(_ path: String) throws -> String {
        String(decoding: try File.read("\(Project.root)/\(path)") ?? [], as: UTF8.self)
    }

    private static func sources() throws -> [Source] {
        try FileManager.default.subpathsOfDirectory(atPath: Project.root + "/Sources")
            .filter { $0.hasSuffix(".swift") }
            .map { path in
                Source(
                    room: String(path.prefix { $0 != "/" }), name: path,
                    lines: try text("Sources/\(path)").split(separator: "\n", omittingEmptySubsequences: false)
                        .map(String.init))
            }
    }

    /// Who may know whom: the lines `Room: Other, Another` below that heading.
    private static func arrows() throws -> [String: Set<String>] {
        let page = try text("Docs/Architecture.md")
        let start = try #require(page.firstRange(of: "## Who may know whom\n"))
        let rest = page[start.upperBound...]
        let section = rest[..<(rest.firstRange(of: "\n## ")?.lowerBound ?? rest.endIndex)]
        var arrows: [String: Set<String>] = [:]
        for line in section.split(separator: "\n") {
            guard let match = line.wholeMatch(of: /([A-Za-z]+): ([A-Za-z, ]+)/) else { continue }
            arrows[String(match.1)] = Set(match.2.split(separator: ", ").map(String.init))
        }
        return arrows
    }

    @Test func theArrowsAreThoseOfTheArchitecture() throws {
        let arrows = try Self.arrows()
        let sources = try Self.sources()
        let rooms = Set(sources.map(\.room))
        #expect(Set(arrows.keys) == rooms)
        let known = rooms.union(["CLibSSH", "CLibNBD", "CLinux"])
        let manifest = try Self.text("Package.swift")
        for (room, others) in arrows {
            let used = sources.filter { $0.room == room }.reduce(into: Set()) { $0.formUnion($1.imports) }
            #expect(used.intersection(known) == others, "what \(room) imports")
            // The target's declaration, up to its settings.
            let start = try #require(manifest.firstRange(of: try Regex("[tT]arget\\(\\s*name: \"\(room)\"")))
            let declaration = manifest[start.upperBound...].prefix { $0 != "]" }
            let declared = declaration.matches(of: /"([A-Za-z]+)"/).map { String($0.1) }
            #expect(Set(declared).intersection(known).subtracting([room]) == others, "what Package.swift gives \(room)")
        }
    }

    @Test(arguments: [
        ("CLibSSH", ["SSH"]), ("CLibNBD", ["NBD"]), ("CLinux", ["Platform"]), ("ArgumentParser", ["scout"]),
        ("TOMLKit", ["Core"]), ("Subprocess", []), ("Foundation", []),
    ])
    func onlyTheseRoomsImport(module: String, rooms: [String]) throws {
        for source in try Self.sources() where source.imports.contains(module) {
            #expect(rooms.contains(source.room), "\(source.name) imports \(module)")
        }
    }

    /// What exists once: a pattern of code, and the files where it may stand.
    @Test(arguments: [
        ("a program is started", #"posix_spawnp?\(|\bfork\("#, ["Platform/Process/ChildProcess.swift"]),
        ("a process becomes a daemon", #"spawn_setsid|\bsetsid\("#, ["Platform/Process/ChildProcess.swift"]),
        ("a lock is taken", #"\bflock\(|clinux_lock\("#, ["Platform/Files/FileLock.swift"]),
        (
            "a Unix socket is made", #"socket\(AF_UNIX|\bsockaddr_un\("#,
            ["Platform/Net/UnixAddress.swift", "Platform/Net/UnixSocket.swift"]
        ),
        ("a signal gets a handler", #"\bsigaction\(sig|\bsignal\(SIG"#, ["Platform/Signals/SignalAction.swift"]),
        ("work is cancelled", #"class Cancellation"#, ["Platform/Cancellation.swift"]),
        // The one is how long to wait, the other a figure of a report.
        (
            "a duration becomes milliseconds", #"/ \.milliseconds\(1\)"#,
            ["Platform/PollTimeout.swift", "Diagnostics/HopRecorder.swift"]
        ),
        ("bytes become hexadecimal digits", #"Array\("0123456789abcdef"|< 16 \? "0""#, ["Platform/Hexadecimal.swift"]),
        ("a key file has its form", #"\\\(user\):\\\(digits\)"#, ["NBD/PresharedKey.swift"]),
    ])
    func thereIsOneOf(_ what: String, pattern: String, files: [String]) throws {
        let pattern = try Regex(pattern)
        var found: Set<String> = []
        for source in try Self.sources() {
            for line in source.lines where !line.drop(while: { $0 == " " }).hasPrefix("//") && line.contains(pattern) {
                found.insert(source.name)
            }
        }
        #expect(found == Set(files), "\(what)")
    }

    /// The types that "Five walks" names exist, and none stands twice on one walk.
    @Test func theWalksNameTypesThatExist() throws {
        let page = try Self.text("Docs/Architecture.md")
        let start = try #require(page.firstRange(of: "## Five walks\n"))
        let section = page[start.upperBound...].prefix(while: { $0 != "#" })
        let code = try Self.sources().flatMap(\.lines).joined(separator: "\n")
        let declared = Set(code.matches(of: /(?:struct|class|enum|actor|protocol) ([A-Z][A-Za-z]+)/).map { $0.1 })
        let walks = section.components(separatedBy: "\n- ").dropFirst()
        #expect(walks.count == 5)
        for walk in walks {
            let types = walk.matches(of: /`([A-Z][A-Za-z]+)`/).map { $0.1 }
            #expect(types.count > 5)
            #expect(Set(types).count == types.count, "\(types)")
            for type in types { #expect(declared.contains(type), "\(type)") }
        }
    }

    @Test func addressesStandInTopologyOnly() throws {
        for source in try Self.sources() where source.name != "Core/Topology.swift" {
            for line in source.lines {
                #expect(
                    line.firstMatch(of: /"(10|192\.168|172\.(1[6-9]|2\d|3[01]))\.\d+\.\d+(\.\d+)?"/) == nil,
                    "\(source.name): \(line)")
            }
        }
    }

    @Test func filesAreShortAndNamedOnce() throws {
        let sources = try Self.sources()
        for source in sources {
            let limit = source.name.hasPrefix("scout/Commands/") ? 120 : 400
            #expect(source.lines.count <= limit + 1, "\(source.name) has \(source.lines.count) lines")
        }
        let names = sources.map { $0.name.split(separator: "/").last ?? "" }
        #expect(Set(names).count == names.count)
    }

    @Test func theExecutableParsesRendersAndCompletes() throws {
        for source in try Self.sources() where source.room == "scout" {
            let folder = source.name.split(separator: "/").dropFirst().first ?? ""
            #expect(
                ["Commands", "Output", "Completion", "Scout.swift", "Version.swift"].contains(folder),
                "\(source.name) belongs into a library target")
        }
    }

    @Test func onlyTheExecutablePrints() throws {
        for source in try Self.sources() where source.room != "scout" {
            #expect(!source.lines.contains { $0.contains("print(") && !$0.contains("//") }, "\(source.name)")
        }
    }

    @Test func whatTheCompilerIsNotLetToCheckIsRare() throws {
        let lines = try Self.sources().flatMap(\.lines)
        #expect(lines.count { $0.contains("@unchecked Sendable") } <= 2)
        #expect(!lines.contains { $0.contains("try!") || $0.contains("as!") })
    }
}
