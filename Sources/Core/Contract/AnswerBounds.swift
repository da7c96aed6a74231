/// The first JSON object in bytes that somebody else wrote, found without a decoder, and the bounds that it must keep:
/// a decoder gets nothing that could make it run out of stack, memory or time.
///
/// Bytes may come in pieces. What is in them is not looked at, only how deep, how long and how many.
public struct AnswerBounds: Sendable {
    /// How deep values may be nested; our own reports need seven levels.
    public static let depth = 32
    /// How long a string may be, in bytes.
    public static let stringBytes = 64 << 10
    /// How many values there may be.
    public static let values = 500_000
    /// How long an answer of the container may be, in bytes.
    public static let bytes = 4 << 20

    /// Where the object is, once its last byte has been seen.
    public private(set) var object: Range<Int>?
    private var next = 0
    private var start: Int?
    private var level = 0
    private var count = 0
    private var stringStart: Int?
    private var isEscaped = false

    /// Nothing seen yet.
    public init() {}

    /// Looks at the bytes that have not been looked at yet.
    ///
    /// - Parameter bytes: all so far.
    /// - Throws: `ScoutError` (`protocolViolation`) where something else than an object begins, or a bound is passed.
    public mutating func scan(_ bytes: [UInt8]) throws(ScoutError) {
        while object == nil, next < bytes.count {
            let byte = bytes[next]
            next += 1
            if let begin = stringStart {
                if next - begin > Self.stringBytes {
                    throw Self.beyond("a text of more than \(Self.stringBytes) bytes")
                }
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    stringStart = nil
                }
                continue
            }
            guard start != nil || byte == UInt8(ascii: "{") else {
                if byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { continue }
                throw ScoutError(.protocolViolation, "the answer is no JSON of scout's")
            }
            switch byte {
            case UInt8(ascii: "\""): stringStart = next
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                start = start ?? next - 1
                level += 1
                count += 1
                if level > Self.depth { throw Self.beyond("values nested more than \(Self.depth) deep") }
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                level -= 1
                if level == 0, let start { object = start..<next }
            case UInt8(ascii: ","): count += 1
            default: break
            }
            if count > Self.values { throw Self.beyond("more than \(Self.values) values") }
        }
    }

    private static func beyond(_ what: String) -> ScoutError {
        ScoutError(.protocolViolation, "the answer is none of scout's: it has \(what)")
    }
}
