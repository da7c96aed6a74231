import Core

/// What the container and the host's agent have agreed on (Docs/HostAgentProtocol.md).
enum AgentProtocol {
    /// The one request, with its line's end.
    static let request = Array("\(ForwardsReport.schema)\n".utf8)
    /// The longest line, in bytes with its end, that is read to find out that it is unknown.
    static let longestRequest = 64
    /// The longest answer in bytes.
    static let longestAnswer = 1 << 20
}

/// The line of one client, as it comes in pieces of any size.
///
/// It keeps how far the line has come, and no byte of it: nothing of it can reach anything.
struct AgentRequest {
    enum Outcome: Hashable {
        /// The line's end hasn't come yet.
        case incomplete
        /// It asks for the forwards.
        case forwards
        /// It is another line, or too long, whatever else comes.
        case unknown
    }

    private(set) var outcome = Outcome.incomplete
    private var count = 0
    private var fits = true

    /// Takes the next bytes; those behind the line's end are ignored.
    mutating func take(_ bytes: some Sequence<UInt8>) -> Outcome {
        let expected = AgentProtocol.request
        for byte in bytes where outcome == .incomplete {
            fits = fits && count < expected.count && byte == expected[count]
            count += 1
            if byte == UInt8(ascii: "\n") {
                outcome = fits ? .forwards : .unknown
            } else if count >= AgentProtocol.longestRequest {
                outcome = .unknown
            }
        }
        return outcome
    }

    /// How many more bytes may matter.
    var missing: Int { outcome == .incomplete ? AgentProtocol.longestRequest - count : 0 }
}
