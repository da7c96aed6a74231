import Core
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
    }

    private static func sources() throws -> [Source] {
        let manager = FileManager.default
        let root = Project.root + "/Sources"
        return try manager.subpathsOfDirectory(atPath: root).filter { $0.hasSuffix(".swift") }.map { path in
            let text = String(decoding: try File.read("\(root)/\(path)") ?? [], as: UTF8.self)
            return Source(
                room: String(path.prefix { $0 != "/" }), name: path,
                lines: text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
        }
    }

    private static func imports(_ source: Source) -> [String] {
        source.lines.compactMap { line in
            let words = line.split(separator: " ")
            guard let place = words.firstIndex(of: "import"), words[..<place].allSatisfy({ !$0.hasPrefix("//") }),
                words.indices.contains(place + 1)
            else { return nil }
            return String(words[place + 1].prefix { $0 != "." })
        }
    }

    @Test(arguments: [
        ("CLibSSH", ["SSH"]), ("CLibNBD", ["NBD"]), ("ArgumentParser", ["scout"]), ("SSH", ["Sessions"]),
        ("NBD", ["Imaging", "Ports"]), ("TOMLKit", ["Core"]), ("Foundation", []),
        ("Sessions", ["Diagnostics", "scout"]), ("Ports", ["Toolkit", "scout"]),
        ("Host", ["Diagnostics", "Toolkit", "scout"]), ("Netfilter", ["Host"]),
        ("Imaging", ["Toolkit", "scout"]), ("Toolkit", ["scout"]), ("Diagnostics", ["scout"]),
    ])
    func onlyTheseRoomsImport(module: String, rooms: [String]) throws {
        for source in try Self.sources() where Self.imports(source).contains(module) {
            #expect(rooms.contains(source.room), "\(source.name) imports \(module)")
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

    @Test func onlyTheExecutablePrints() throws {
        for source in try Self.sources() where source.room != "scout" {
            #expect(!source.lines.contains { $0.contains("print(") && !$0.contains("//") }, "\(source.name)")
        }
    }
}
