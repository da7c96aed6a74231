import Platform

/// The configured targets.
public struct TargetsReport: Report {
    /// `scout.target/1`.
    public static let schema = "scout.target/1"

    /// One target.
    public struct Row: Codable, Hashable, Sendable {
        /// What the user calls it.
        public let name: String
        /// Where its container answers: `[USER@]ADDR[:PORT]`.
        public let address: String
        /// The private key to log in with, where one is remembered.
        public let identity: String?
        /// Its network, where one is remembered.
        public let topology: String?
        /// Whether it is the one that is meant where none is named.
        public let isDefault: Bool
    }

    /// The targets, by name.
    public let targets: [Row]

    /// - Parameters:
    ///   - configuration: the targets.
    ///   - name: the only one to tell of; `nil` is all.
    public init(_ configuration: Configuration, only name: String? = nil) {
        targets = configuration.targets.values.sorted { $0.name < $1.name }
            .filter { name == nil || $0.name == name }
            .map {
                Row(
                    name: $0.name, address: $0.address.description, identity: $0.identity, topology: $0.topology,
                    isDefault: $0.name == configuration.defaultTarget)
            }
    }
}
