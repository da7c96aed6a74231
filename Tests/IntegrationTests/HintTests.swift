import ArgumentParser
import Core
import FoundationEssentials
import Platform
import TestSupport
import Testing

@testable import scout

/// Whether what scout tells people to type can be typed.
@Suite struct HintTests {
    /// A text of the sources that names a command of ours.
    private struct Advice: CustomStringConvertible {
        let place: String
        let text: String
        var description: String { "\(place): \(text)" }
    }

    /// Words that follow the name where a sentence speaks of the program, not of a command.
    private static let prose: Set<Substring> = [
        "on", "is", "in", "here", "to", "was", "for", "over", "and", "has", "the", "cannot",
    ]

    private static func literals() throws -> [Advice] {
        let root = Project.root + "/Sources"
        return try FileManager.default.subpathsOfDirectory(atPath: root).filter { $0.hasSuffix(".swift") }.sorted()
            .flatMap { path in
                let text = String(decoding: try File.read("\(root)/\(path)") ?? [], as: UTF8.self)
                return text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().flatMap {
                    number, line in
                    line.drop { $0 == " " }.hasPrefix("//")
                        ? [] : strings(line).map { Advice(place: "\(path):\(number + 1)", text: $0) }
                }
            }
    }

    /// The string literals of a line, each interpolation as a number, which stands for a port, a name and an address alike.
    private static func strings(_ line: Substring) -> [String] {
        var found: [String] = []
        var current: String?
        var depth = 0
        var characters = line[...]
        while let character = characters.popFirst() {
            if depth > 0 {
                depth += character == "(" ? 1 : character == ")" ? -1 : 0
            } else if let text = current {
                if character == "\\" {
                    let next = characters.popFirst()
                    if next == "(" { depth = 1 }
                    current = text + (next == "(" ? "2001" : next == "n" ? "\n" : "\"")
                } else if character == "\"" {
                    found.append(text)
                    current = nil
                } else {
                    current = text + String(character)
                }
            } else if character == "\"" {
                current = ""
            }
        }
        return found
    }

    /// The command lines in a text: what stands behind `scout ` up to a mark that ends it.
    private static func commands(_ text: String) -> [[String]] {
        text.matches(of: /(?:^|[\s'"(:])(?:sudo )?scout ([^;,'"\n…)]+)/).map { match in
            match.1.split(separator: " ").map(String.init)
        }.filter { words in
            // A number there is the version's.
            words.first.map { !prose.contains($0[...]) && $0 != "2001" } ?? false
        }
    }

    private static func placed(_ word: String) -> String {
        let values = ["ADDRESS": "10.1.0.2", "PORT": "2001", "CMD": "true"]
        return values[word] ?? (word.allSatisfy { $0.isUppercase && $0.isASCII } ? "name" : word)
    }

    private static func parses(_ words: [String]) -> Bool {
        do {
            let command = try Scout.parseAsRoot(GlobalOptions.moved(words.map(placed), root: Scout.self))
            return !(command is Scout)
        } catch {
            return Scout.exitCode(for: error) == .success
        }
    }

    @Test func everyCommandThatIsNamedParses() throws {
        var count = 0
        for advice in try Self.literals() {
            for words in Self.commands(advice.text) {
                count += 1
                // A sentence may go on behind the command.
                let length = (1...words.count).reversed().first { Self.parses(Array(words.prefix($0))) }
                #expect(length != nil, "\(advice)")
                if let length, length < words.count { #expect(!words[length].hasPrefix("-"), "\(advice)") }
            }
        }
        #expect(count > 25, "the sources name more commands than were found")
    }

    @Test func everyOptionThatAHintNamesIsOneOfACommand() throws {
        func all(_ command: any ParsableCommand.Type) -> [CommandDefinition] {
            [CommandDefinition(command)] + command.configuration.subcommands.flatMap(all)
        }
        let known = Set(all(Scout.self).flatMap(\.arguments).flatMap(\.names))
        let global = Set(CommandDefinition(GlobalOptions.self).arguments.flatMap(\.names))
        for advice in try Self.literals() where advice.text.contains(/(name|repeat|with) .*--[a-z]/) {
            for match in advice.text.matches(of: /--[a-z][a-z-]+/) {
                #expect(known.contains(String(match.0)), "\(advice)")
            }
        }
        #expect(global.contains("--identity"))
    }
}
