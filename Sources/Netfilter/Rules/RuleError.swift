/// Why a text is not taken for rules.
public struct RuleError: Error, Hashable, Sendable {
    /// What kind of failure it is.
    public enum Kind: Hashable, Sendable {
        /// It holds no rules, rules that are not allowed, or rules in a form that can't be read.
        case malformed
        /// It says itself that the host did not let its rules be read.
        case notPermitted
    }

    /// What kind of failure it is.
    public let kind: Kind
    /// One line that says what is wrong, without a final full stop.
    public let message: String
    /// The next thing to do, best a command to type.
    public let hint: String?

    /// - Parameters:
    ///   - kind: what kind of failure it is.
    ///   - message: one line, in the user's words.
    ///   - hint: the next thing to do.
    public init(_ kind: Kind, _ message: String, hint: String? = nil) {
        self.kind = kind
        self.message = message
        self.hint = hint
    }
}
