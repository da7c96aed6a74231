/// Which services to end.
public enum ReleaseSelection: Hashable, Sendable {
    case port(UInt16)
    case name(String)
    case all

    /// - Parameter text: a port, or a service's name.
    public init(_ text: String) {
        self = UInt16(text).map(ReleaseSelection.port) ?? .name(text)
    }
}

extension ReleaseSelection: Codable {
    private enum Key: String, CodingKey {
        case port
        case name
        case all
    }

    /// Reads `{port}`, `{name}`, or `{all:true}`.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        if let port = try container.decodeIfPresent(UInt16.self, forKey: .port) {
            self = .port(port)
        } else if let name = try container.decodeIfPresent(String.self, forKey: .name) {
            self = .name(name)
        } else if try container.decode(Bool.self, forKey: .all) {
            self = .all
        } else {
            throw DecodingError.dataCorruptedError(forKey: .all, in: container, debugDescription: "nothing is selected")
        }
    }

    /// Writes what ``init(from:)`` reads.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        switch self {
        case .port(let port): try container.encode(port, forKey: .port)
        case .name(let name): try container.encode(name, forKey: .name)
        case .all: try container.encode(true, forKey: .all)
        }
    }
}

/// The services that were ended.
public struct ReleaseReport: Report, Hashable {
    /// `scout.release/1`.
    public static let schema = "scout.release/1"
    /// Their leases, as they were.
    public var released: [LeaseReport]

    /// - Parameter released: their leases, as they were.
    public init(released: [LeaseReport]) {
        self.released = released
    }
}
