/// What a source hashes to, where it lies.
public struct HashReport: Report, Hashable {
    /// `scout.hash/1`.
    public static let schema = "scout.hash/1"
    /// The path that was read.
    public var path: String
    /// How many bytes were read.
    public var sizeBytes: Int64
    /// Lower-case hexadecimal digests, by algorithm.
    public var hashes: [String: String]

    /// - Parameters: one for each property, in their order.
    public init(path: String, sizeBytes: Int64, hashes: [String: String]) {
        self.path = path
        self.sizeBytes = sizeBytes
        self.hashes = hashes
    }
}
