/// The text of `config.toml`: its lines with their ends as the user has them, and where each table and key stands.
struct ConfigurationText {
    /// A line and what ends it: a line feed, with or without a carriage return, or nothing at the end of the file.
    struct Line: Equatable {
        var text: String
        var end: String
    }

    /// A table's heading, or a key.
    struct Place: Equatable {
        /// The names down to it: `target`, `case42`, `address`.
        let path: [String]
        /// The index of its line.
        let line: Int
        let isHeading: Bool
    }

    private static let mark: [UInt8] = [0xef, 0xbb, 0xbf]

    /// The lines; a text that ends in a line's end has no empty line behind it.
    var lines: [Line] = []
    /// Whether the file begins with a byte order mark, as editors on Windows leave it.
    let hasMark: Bool
    /// What ends a new line: what ends the first one.
    var end: String { lines.first.map(\.end).flatMap { $0.isEmpty ? nil : $0 } ?? "\n" }

    /// - Parameters:
    ///   - bytes: the file's contents.
    ///   - path: the file, for the error.
    /// - Throws: `ScoutError` (`badData`) where it is not UTF-8, which TOML must be.
    init(_ bytes: [UInt8], path: String) throws(ScoutError) {
        let hasMark = bytes.starts(with: Self.mark)
        guard let text = String(validating: bytes.dropFirst(hasMark ? 3 : 0), as: UTF8.self), !text.contains("\0")
        else {
            throw ScoutError(.badData, "\(path) is not UTF-8 text", hint: "save it as UTF-8 in your editor")
        }
        self.init(text, hasMark: hasMark)
    }

    init(_ text: String, hasMark: Bool = false) {
        self.hasMark = hasMark
        // By scalars: a carriage return and a line feed are one character.
        for part in text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false) {
            let hasReturn = part.last == "\r"
            lines.append(Line(text: String(hasReturn ? part.dropLast() : part), end: hasReturn ? "\r\n" : "\n"))
        }
        // Behind the last line feed there is no line, and where there is one, no line feed.
        if lines.last?.text.isEmpty == true, lines.last?.end == "\n" { lines.removeLast() } else { endLast("") }
    }

    private mutating func endLast(_ end: String) {
        guard let last = lines.indices.last else { return }
        if lines[last].end == "\r\n", end.isEmpty { lines[last].text += "\r" }
        lines[last].end = end
    }

    /// The text without the mark, as a parser takes it.
    var toml: String { lines.map { $0.text + $0.end }.joined() }

    /// The file's contents.
    var bytes: [UInt8] { (hasMark ? Self.mark : []) + Array(toml.utf8) }

    /// Adds lines behind a blank one.
    mutating func append(_ new: [String]) {
        let end = end
        if lines.last?.end.isEmpty == true { endLast(end) }
        let needsBlank = lines.last.map { !Self.isBlank($0) } ?? false
        lines += ((needsBlank ? [""] : []) + new).map { Line(text: $0, end: end) }
    }

    /// Removes a table: from its heading to its last key. Comments behind that belong to what follows.
    mutating func remove(heading: Place) {
        let places = places()
        let next = places.first { $0.isHeading && $0.line > heading.line }?.line ?? lines.endIndex
        let last = places.last { $0.line < next }?.line ?? heading.line
        var range = heading.line..<last + 1
        // One blank line stood before it.
        let isLast = lines[range.endIndex...].allSatisfy(Self.isBlank)
        if let before = lines[..<range.startIndex].last, Self.isBlank(before),
            isLast || Self.isBlank(lines[range.endIndex])
        {
            range = range.startIndex - 1..<range.endIndex
        }
        lines.removeSubrange(range)
    }

    /// Sets a key of the whole document, which stands before the first table, or removes it.
    mutating func set(_ key: String, to value: String?) {
        let place = places().first { $0.path == [key] && !$0.isHeading }?.line
        switch (place, value) {
        case (let place?, let value?): lines[place].text = Self.replacingValue(of: lines[place].text, by: value)
        case (let place?, nil): lines.remove(at: place)
        case (nil, let value?): lines.insert(Line(text: "\(key) = \(value)", end: end), at: 0)
        case (nil, nil): break
        }
    }

    /// The line with another string as its value; a comment behind it stays.
    private static func replacingValue(of line: String, by value: String) -> String {
        guard let equals = line.firstIndex(of: "=") else { return line }
        let start = line[line.index(after: equals)...].firstIndex { $0 != " " && $0 != "\t" } ?? line.endIndex
        var comment: Substring = ""
        if start < line.endIndex {
            let (quote, behind) = (line[start], line.index(after: start))
            var isEscaped = false
            let end = line[behind...].firstIndex { character in
                defer { isEscaped = character == "\\" && quote == "\"" && !isEscaped }
                return character == quote && !isEscaped
            }
            comment = end.map { line[line.index(after: $0)...] } ?? ""
        }
        return line[..<start] + value + comment
    }

    /// Every heading and key, in the order of the lines.
    func places() -> [Place] {
        var table: [String] = []
        var found: [Place] = []
        var open: String?
        for (index, line) in lines.enumerated() {
            let text = line.text.drop { $0 == " " || $0 == "\t" }
            let isInside = open != nil
            for quotes in ["\"\"\"", "'''"] where open == nil || open == quotes {
                // A text of several lines begins or ends where there is an odd number of its quotes.
                if text.split(separator: quotes, omittingEmptySubsequences: false).count.isMultiple(of: 2) {
                    open = open == nil ? quotes : nil
                    break
                }
            }
            if isInside || text.isEmpty || text.first == "#" { continue }
            if text.first == "[" {
                table = Self.keys(text.drop { $0 == "[" }, until: "]")
                found.append(Place(path: table, line: index, isHeading: true))
            } else if text.contains("=") {
                found.append(Place(path: table + Self.keys(text, until: "="), line: index, isHeading: false))
            }
        }
        return found
    }

    /// The first heading whose name is missing, or begins with what no name begins with: `[[[`, `[!`, a `[` alone. The
    /// parser takes it for granted that there is none.
    var unnamedHeading: (line: Int, found: String)? {
        for place in places() where place.isHeading {
            let name = lines[place.line].text.drop { $0 == " " || $0 == "\t" }.dropFirst()
            let rest = name.first == "[" ? name.dropFirst() : name
            guard let first = rest.first(where: { $0 != " " && $0 != "\t" }) else { return (place.line, "nothing") }
            let isName = first.isASCII && (first.isLetter || first.isNumber || "-_\"']".contains(first))
            if !isName { return (place.line, "'\(Visible.field(String(first)))'") }
        }
        return nil
    }

    /// Where a table or key stands, or else the next table around it: "line 7: ", or nothing where that can't be seen.
    func position(_ path: [String]) -> String {
        let places = places()
        for count in stride(from: path.count, to: 0, by: -1) {
            if let place = places.first(where: { $0.path == Array(path.prefix(count)) }) {
                return "line \(place.line + 1): "
            }
        }
        return ""
    }

    /// Reads a dotted key, its parts bare or in quotes.
    private static func keys(_ text: Substring, until end: Character) -> [String] {
        var parts = [""]
        var quote: Character?
        for character in text {
            if let open = quote {
                if character == open { quote = nil } else { parts[parts.count - 1].append(character) }
            } else if character == end {
                break
            } else if character == "\"" || character == "'" {
                quote = character
            } else if character == "." {
                parts.append("")
            } else if character != " ", character != "\t" {
                parts[parts.count - 1].append(character)
            }
        }
        return parts
    }

    private static func isBlank(_ line: Line) -> Bool { line.text.allSatisfy { $0 == " " || $0 == "\t" } }
}
