import FoundationEssentials

/// A request as it goes through the door: one JSON object on the toolkit's standard input.
public struct RequestMessage: Hashable, Sendable {
    /// The version of this shape. An older toolkit refuses a newer one in plain words.
    public static let schema = "scout.request/1"
    /// How long a message may be, in bytes: as long as a pipe takes without a reader.
    public static let limit = 60 << 10

    /// What is asked for.
    public var request: ContainerRequest
    /// How often the container shows that it still works, in seconds; `nil` is never.
    public var aliveSeconds: Int?

    /// - Parameters:
    ///   - request: what is asked for.
    ///   - aliveSeconds: how often the container shows that it still works; `nil` is never.
    public init(_ request: ContainerRequest, aliveSeconds: Int? = nil) {
        self.request = request
        self.aliveSeconds = aliveSeconds
    }

    private enum Key: String, CodingKey {
        case schema
        case aliveSeconds
    }

    private struct Head: Decodable { let schema: String }

    private struct Body: Codable {
        let message: RequestMessage

        init(_ message: RequestMessage) { self.message = message }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Key.self)
            message = RequestMessage(
                try ContainerRequest(from: decoder),
                aliveSeconds: try container.decodeIfPresent(Int.self, forKey: .aliveSeconds))
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(RequestMessage.schema, forKey: .schema)
            try container.encodeIfPresent(message.aliveSeconds, forKey: .aliveSeconds)
            try message.request.encode(to: encoder)
        }
    }

    /// The message in one line.
    ///
    /// - Throws: `ScoutError` (`usage`) where it is longer than ``limit``.
    public func encoded() throws(ScoutError) -> [UInt8] {
        guard let line = JSON.line(Body(self)), line.count <= Self.limit else {
            throw ScoutError(.usage, "the request is longer than \(Self.limit) bytes")
        }
        return line
    }

    /// Reads a message that somebody else wrote.
    ///
    /// - Parameters:
    ///   - bytes: one object.
    ///   - version: of this program, for a message that it doesn't understand.
    /// - Throws: `ScoutError`: `protocolViolation` where it is none, or one of another version of scout; `usage` for
    ///   parameters that no verb takes.
    public static func decode(_ bytes: [UInt8], version: String) throws(ScoutError) -> RequestMessage {
        var bounds = AnswerBounds()
        try bounds.scan(bytes)
        let data = Data(bytes)
        guard let head = try? JSON.decoder().decode(Head.self, from: data) else {
            throw ScoutError(.protocolViolation, "the request is no JSON of scout's")
        }
        let hint = "use the same version of scout on both sides"
        guard head.schema == schema else {
            throw ScoutError(
                .protocolViolation,
                "scout \(version) does not know a \(Visible.field(head.schema, limit: 80)): it takes a \(schema)",
                hint: hint)
        }
        let message: RequestMessage
        do { message = try JSON.decoder().decode(Body.self, from: data).message } catch {
            throw ScoutError(
                .protocolViolation, "scout \(version) does not know this request: \(JSON.reason(error))", hint: hint)
        }
        if let seconds = message.aliveSeconds, !(1...3600).contains(seconds) {
            throw ScoutError(.usage, "a sign of life is sent every 1 to 3600 seconds")
        }
        try message.request.check()
        return message
    }
}
