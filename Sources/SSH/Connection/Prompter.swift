/// A question that only a person can answer, or somebody who stands in for one.
public struct Question: Hashable, Sendable {
    /// What is asked for.
    public enum Subject: Hashable, Sendable {
        /// The passphrase of a private key's file.
        case passphrase(identity: String)
        /// The password of an account.
        case password(user: String, host: String)
        /// The server's own question, in its own words (RFC 4256).
        case challenge(host: String)
        /// Whether a host that nobody knows yet is the right one: `yes`, `no`, or the fingerprint.
        case hostKey(host: String, fingerprint: String)
        /// What a person has to confirm.
        case confirmation
    }

    /// What is asked for.
    public let subject: Subject
    /// The text to show. It may contain a server's words, control characters included.
    public let text: String
    /// Whether the answer may be seen while it is typed.
    public let isAnswerShown: Bool

    /// - Parameters:
    ///   - subject: what is asked for.
    ///   - text: to be shown before the answer.
    ///   - isAnswerShown: `false` for secrets.
    public init(_ subject: Subject, _ text: String, isAnswerShown: Bool) {
        self.subject = subject
        self.text = text
        self.isAnswerShown = isAnswerShown
    }
}

/// Who answers questions: a terminal, nobody, or a process that passes them on to one that has a terminal.
public protocol Prompter: Sendable {
    /// Asks, and waits for the answer as long as it takes.
    ///
    /// - Parameter question: what to ask.
    /// - Returns: the answer; `nil` where nobody answers.
    /// - Throws: what ends the operation that had to ask.
    func answer(_ question: Question) async throws -> String?
}

/// Answers nothing: for whoever has no person at hand.
public struct RefusingPrompter: Prompter {
    /// One is as good as another.
    public init() {}

    /// Always `nil`.
    public func answer(_: Question) async -> String? { nil }
}
