import FoundationEssentials

/// What the container says to a request: a JSON object in one line. Signs of life may come before the last one, which is
/// the report or the error.
public enum AnswerFrame {
    /// The version of this shape.
    public static let schema = "scout.answer/1"

    private struct Written<Payload: Report>: Encodable {
        let schema = AnswerFrame.schema
        let verb: ContainerRequest.Verb?
        var alive: Bool?
        var report: JSON.Envelope<Payload>?
        var error: JSON.ErrorBody?
    }

    /// It still works.
    public static func alive(_ verb: ContainerRequest.Verb) -> [UInt8] {
        JSON.line(Written<VersionReport>(verb: verb, alive: true)) ?? []
    }

    /// The report that was asked for.
    ///
    /// - Throws: `ScoutError` (`failed`) where it can't be written as JSON.
    public static func report(_ report: some Report, to verb: ContainerRequest.Verb) throws(ScoutError) -> [UInt8] {
        func written<Payload: Report>(_ payload: Payload) -> [UInt8]? {
            JSON.line(Written(verb: verb, report: JSON.Envelope(payload: payload)))
        }
        guard let line = written(report) else { throw ScoutError(.failed, "the answer can't be written") }
        return line
    }

    /// Why there is no report.
    ///
    /// - Parameters:
    ///   - error: what went wrong.
    ///   - verb: to what; `nil` where the request could not be read.
    public static func error(_ error: ScoutError, to verb: ContainerRequest.Verb?) -> [UInt8] {
        JSON.line(Written<VersionReport>(verb: verb, error: JSON.ErrorBody(error))) ?? []
    }
}

/// The far end's frames as they come in pieces, up to the one that answers. Nothing in them is trusted.
///
/// Each frame is bounded before a decoder sees it (``AnswerBounds``), must be of this version and to this verb, and a report
/// must be possible (``Report/check()``) and one to what was asked (``ContainerRequest/check(_:reservedPorts:)``). Signs of life
/// may come as often as a container can have been asked for them.
public struct AnswerReader<Answer: Report>: Sendable {
    private let request: ContainerRequest
    private let reservedPorts: ClosedRange<UInt16>
    private var bounds = AnswerBounds()
    private var signsOfLife = 0
    /// What has come since the last whole frame; after the answer, what follows it.
    public private(set) var rest: [UInt8] = []
    /// Whether no whole frame has come yet.
    public private(set) var isFresh = true

    /// - Parameters:
    ///   - request: what was asked for.
    ///   - reservedPorts: those that a service may be leased.
    public init(to request: ContainerRequest, reservedPorts: ClosedRange<UInt16>) {
        self.request = request
        self.reservedPorts = reservedPorts
    }

    /// Takes the next bytes.
    ///
    /// - Parameters:
    ///   - piece: the bytes.
    ///   - elapsed: how long the request has been under way.
    /// - Returns: the answer, once it is whole.
    /// - Throws: the container's own `ScoutError`; `protocolViolation` where this is no answer to the request.
    public mutating func take(_ piece: some Sequence<UInt8>, after elapsed: Duration) throws(ScoutError) -> Answer? {
        rest += piece
        while true {
            try bounds.scan(rest)
            guard let object = bounds.object else {
                guard rest.count <= AnswerBounds.bytes else {
                    throw ScoutError(
                        .protocolViolation,
                        "the answer is none of scout's: it has more than \(AnswerBounds.bytes) bytes")
                }
                return nil
            }
            guard object.upperBound <= AnswerBounds.bytes else {
                throw ScoutError(
                    .protocolViolation, "the answer is none of scout's: it has more than \(AnswerBounds.bytes) bytes")
            }
            let frame = Data(rest[object])
            rest.removeSubrange(..<object.upperBound)
            bounds = AnswerBounds()
            isFresh = false
            if let answer = try decode(frame) { return answer }
            signsOfLife += 1
            guard Double(signsOfLife) <= 100 + 2 * (elapsed / .seconds(1)) else {
                throw ScoutError(.protocolViolation, "the container says that it works, and nothing else")
            }
        }
    }

    private struct Head: Decodable {
        let schema: String
        let verb: String?
        let alive: Bool?
        let error: JSON.ErrorBody?
    }

    private struct Reported: Decodable { let report: JSON.Checked<Answer> }

    /// - Returns: `nil` for a sign of life.
    private func decode(_ frame: Data) throws(ScoutError) -> Answer? {
        let decoder = JSON.decoder()
        let hint = "use the same version of scout on both sides"
        guard let schema = try? decoder.decode(JSON.Schema.self, from: frame).schema else {
            throw ScoutError(.protocolViolation, "the answer is no JSON of scout's")
        }
        guard schema == AnswerFrame.schema else {
            throw ScoutError(
                .protocolViolation,
                "the container's scout is another version: it answers in \(Visible.field(schema, limit: 80)), not \(AnswerFrame.schema)",
                hint: hint)
        }
        let head: Head
        do { head = try decoder.decode(Head.self, from: frame) } catch {
            throw ScoutError(.protocolViolation, "the answer is no \(schema): \(JSON.reason(error))", hint: hint)
        }
        // An error may be about a request that could not be read.
        guard head.verb == request.verb.rawValue || head.verb == nil && head.error != nil else {
            throw ScoutError(
                .protocolViolation,
                "the container answers '\(Visible.field(head.verb ?? "nothing", limit: 80))', and was asked for '\(request.verb.rawValue)'",
                hint: hint)
        }
        if let error = head.error { throw error.error(by: "the container") }
        if head.alive == true { return nil }
        let answer = try JSON.checked(Reported.self, from: frame) { $0.report.payload }
        try request.check(answer, reservedPorts: reservedPorts)
        return answer
    }
}
