/// The one request that the agent takes, as it comes in piece by piece.
struct AgentRequest {
    /// The line a caller sends.
    static let line = Array("scout.forwards/1\n".utf8)
    /// A line is not read further than this many bytes.
    static let limit = 64

    /// What has come so far.
    enum State: Equatable {
        /// Not all of a line.
        case incomplete
        /// The line, byte for byte.
        case complete
        /// Anything else: another line, or one without an end.
        case wrong
    }

    private(set) var state = State.incomplete
    private var bytes: [UInt8] = []

    /// Takes the next bytes; what comes behind the line is not looked at.
    mutating func feed(_ piece: ArraySlice<UInt8>) {
        guard state == .incomplete else { return }
        bytes += piece.prefix(Self.limit - bytes.count)
        if let end = bytes.firstIndex(of: 10) {
            state = Array(bytes[...end]) == Self.line ? .complete : .wrong
        } else if bytes.count >= Self.limit {
            state = .wrong
        }
    }
}
