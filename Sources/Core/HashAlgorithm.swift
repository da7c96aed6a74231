/// A hash that an image is identified by.
public enum HashAlgorithm: String, Codable, CaseIterable, Sendable {
    case md5
    case sha1
    case sha256
    case sha512

    /// What an acquisition computes where nothing else is asked for: SHA-256 to rely on, MD5 for older records.
    public static let standard: [HashAlgorithm] = [.sha256, .md5]

    /// The name as people write it.
    public var displayName: String {
        switch self {
        case .md5: "MD5"
        case .sha1: "SHA-1"
        case .sha256: "SHA-256"
        case .sha512: "SHA-512"
        }
    }
}
