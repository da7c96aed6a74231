public import FoundationEssentials

/// A result that is printed as one JSON object with a `schema`.
public protocol Report: Codable, Sendable {
    /// The name and version of its shape, for example `scout.ports/1`.
    static var schema: String { get }
    /// Looks for what can't be so, whoever wrote it.
    ///
    /// - Throws: `ScoutError` (`protocolViolation`) that names it.
    func check() throws(ScoutError)
}

extension Report {
    /// Nothing but its shape is to be checked.
    public func check() throws(ScoutError) {}
}

/// The JSON that scripts rely on, and that the two sides of a `Container` speak with each other.
public enum JSON {
    private struct SchemaKey: CodingKey {
        var stringValue = "schema"
        var intValue: Int? { nil }
        init() {}
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// A report with its `schema`.
    struct Envelope<Payload: Report>: Encodable {
        let payload: Payload

        func encode(to encoder: any Encoder) throws {
            try payload.encode(to: encoder)
            var container = encoder.container(keyedBy: SchemaKey.self)
            try container.encode(Payload.schema, forKey: SchemaKey())
        }
    }

    /// A report that was found to be of its schema.
    struct Checked<Payload: Report>: Decodable {
        let payload: Payload

        init(from decoder: any Decoder) throws {
            let schema = try Schema(from: decoder).schema
            guard schema == Payload.schema else {
                throw ScoutError(
                    .protocolViolation, "the answer is \(Visible.field(schema, limit: 80)), not \(Payload.schema)",
                    hint: "use the same version of scout on both sides")
            }
            payload = try Payload(from: decoder)
        }
    }

    struct Schema: Decodable { let schema: String }

    struct ErrorBody: Codable {
        let code: ScoutError.Code
        let message: String
        let hint: String?

        init(_ error: ScoutError) {
            (code, message, hint) = (error.code, error.message, error.hint)
        }

        /// The error, as lines of sensible length.
        ///
        /// - Parameter writer: who wrote it, where people must know that a hint is not this program's own: people type hints.
        func error(by writer: String? = nil) -> ScoutError {
            let source = writer.map { "\($0) says: " } ?? ""
            return ScoutError(
                code, Visible.field(message, limit: 2000), hint: hint.map { source + Visible.field($0, limit: 2000) })
        }
    }

    private struct Failure: Codable { let error: ErrorBody }

    /// One object, keys sorted, times in UTC after ISO 8601, with its `schema`.
    public static func encode(_ report: some Report) throws -> Data {
        try encoder().encode(Envelope(payload: report))
    }

    /// `{error:{code, message, hint?}}`.
    public static func encode(_ error: ScoutError) throws -> Data {
        try encoder().encode(Failure(error: ErrorBody(error)))
    }

    /// Reads a report, or the error that was printed in its place. Whoever wrote it need not be trusted.
    ///
    /// - Parameters:
    ///   - type: which report.
    ///   - data: one object.
    ///   - writer: who wrote it, where people must know that a hint is not this program's own: people type hints.
    /// - Throws: the `ScoutError` that the JSON carries; `protocolViolation` where it is neither, is out of the bounds of
    ///   ``AnswerBounds``, or says what can't be so.
    public static func decode<Payload: Report>(
        _ type: Payload.Type, from data: Data, by writer: String? = nil
    ) throws(ScoutError) -> Payload {
        var bounds = AnswerBounds()
        try bounds.scan([UInt8](data))
        let decoder = decoder()
        if let failure = try? decoder.decode(Failure.self, from: data) { throw failure.error.error(by: writer) }
        guard (try? decoder.decode(Schema.self, from: data)) != nil else {
            throw ScoutError(.protocolViolation, "the answer is no JSON of scout's")
        }
        return try checked(Checked<Payload>.self, from: data) { $0.payload }
    }

    /// Decodes a shape with a report in it.
    ///
    /// - Throws: `ScoutError` (`protocolViolation`) where it is none, or says what can't be so.
    static func checked<Shape: Decodable, Payload: Report>(
        _ type: Shape.Type, from data: Data, _ payload: (Shape) -> Payload
    ) throws(ScoutError) -> Payload {
        let found: Payload
        do { found = payload(try decoder().decode(type, from: data)) } catch {
            if let error = error as? ScoutError { throw error }
            throw ScoutError(
                .protocolViolation, "the answer is no \(Payload.schema): \(reason(error))",
                hint: "use the same version of scout on both sides")
        }
        try found.check()
        return found
    }

    /// A value in one line, keys sorted; `nil` where it can't be written.
    static func line(_ value: some Encodable) -> [UInt8]? {
        let encoder = encoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(value)).map { Array($0) + [UInt8(ascii: "\n")] }
    }

    /// Where a shape is not as it should be.
    static func reason(_ error: any Error) -> String {
        func place(_ path: [any CodingKey]) -> String {
            path.map { $0.intValue.map(String.init) ?? Visible.field($0.stringValue, limit: 80) }.joined(separator: ".")
        }
        return switch error {
        case DecodingError.keyNotFound(let key, let context): "'\(place(context.codingPath + [key]))' is missing"
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
            DecodingError.dataCorrupted(let context):
            // The decoder names no place where a number doesn't fit.
            (context.codingPath.isEmpty ? "a value" : "'\(place(context.codingPath))'") + " is not what it should be"
        default: "it can't be read"
        }
    }

    /// The encoder of every report: sorted keys, plain slashes, ISO 8601 times.
    public static func encoder() -> JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        encoder.dateEncodingStrategy = .iso8601
        return encoder
    }

    /// The decoder that fits ``encoder()``.
    public static func decoder() -> JSONDecoder {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        return decoder
    }
}
