import FoundationEssentials

/// Any JSON, for formats whose shape follows from their content.
enum JSONValue: Decodable, Hashable, Sendable {
    case object([String: JSONValue])
    case array([JSONValue])
    case string(String)
    case number(Double)
    case bool(Bool)
    case null

    /// The commonest kinds come first, for each wrong guess costs an error.
    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) {
            self = .string(text)
        } else if let members = try? container.decode([String: JSONValue].self) {
            self = .object(members)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else if let elements = try? container.decode([JSONValue].self) {
            self = .array(elements)
        } else if let flag = try? container.decode(Bool.self) {
            self = .bool(flag)
        } else {
            self = .null
        }
    }

    /// Deeper values than this are not read; nft's own are not half as deep.
    static let maximumDepth = 64
    /// More values than this are not read: each takes a hundred bytes.
    static let maximumCount = 2_000_000

    /// Reads JSON of a size that is looked at first, so that time and memory are bounded.
    ///
    /// - Returns: `nil` where it is no JSON, or too much.
    init?(_ text: [UInt8]) {
        var depth = 0
        var count = 0
        var inside = false
        var escaped = false
        for byte in text {
            if inside {
                if escaped {
                    escaped = false
                } else if byte == UInt8(ascii: "\\") {
                    escaped = true
                } else {
                    inside = byte != UInt8(ascii: "\"")
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): inside = true
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                (depth, count) = (depth + 1, count + 1)
                if depth > Self.maximumDepth { return nil }
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            case UInt8(ascii: ","):
                count += 1
                if count > Self.maximumCount { return nil }
            default: break
            }
        }
        guard let value = try? JSONDecoder().decode(JSONValue.self, from: Data(text)) else { return nil }
        self = value
    }

    subscript(_ key: String) -> JSONValue? {
        if case .object(let members) = self { members[key] } else { nil }
    }

    var array: [JSONValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// A whole number that fits.
    func integer<Number: FixedWidthInteger>(_ type: Number.Type) -> Number? {
        if case .number(let number) = self { Number(exactly: number) } else { nil }
    }

    /// The name and content of an object with one member.
    var single: (name: String, content: JSONValue)? {
        guard case .object(let members) = self, members.count == 1, let one = members.first else { return nil }
        return (one.key, one.value)
    }

    /// The names of an object's members, sorted; empty for anything else.
    var members: [String] {
        if case .object(let members) = self { members.keys.sorted() } else { [] }
    }

    /// Whether it is a number, a word, or bits put together from them.
    var isConstant: Bool {
        switch self {
        case .number, .string, .bool: true
        case .object: ["|", "&", "^"].contains(single?.name) && single?.content.array?.allSatisfy(\.isConstant) == true
        case .array, .null: false
        }
    }

    /// Compact text, members sorted by name, for people to compare with the listing.
    var text: String {
        switch self {
        case .object(let members):
            "{" + members.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value.text)" }.joined(separator: ",")
                + "}"
        case .array(let elements): "[" + elements.map(\.text).joined(separator: ",") + "]"
        case .string(let text): "\"\(text)\""
        case .number(let number): Int64(exactly: number).map { "\($0)" } ?? "\(number)"
        case .bool(let flag): flag ? "true" : "false"
        case .null: "null"
        }
    }
}
