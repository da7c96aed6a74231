/// A service to be started on a reserved port.
public enum ServiceRequest: Hashable, Sendable {
    /// A device or a file over NBD.
    case nbd(NBDRequest)

    /// What kind of service it is, as a lease names it.
    public var kind: String {
        switch self {
        case .nbd: "nbd"
        }
    }

    /// What is served: an evidence name, or a path in the container.
    public var source: String {
        switch self {
        case .nbd(let request): request.source
        }
    }

    /// The name it is to have; `nil` takes the source's.
    public var name: String? {
        switch self {
        case .nbd(let request): request.name
        }
    }
}

extension ServiceRequest: Codable {
    private enum Kind: String, CodingKey {
        case nbd
    }

    /// Reads `{KIND:{…}}`.
    public init(from decoder: any Decoder) throws {
        self = .nbd(try decoder.container(keyedBy: Kind.self).decode(NBDRequest.self, forKey: .nbd))
    }

    /// Writes `{KIND:{…}}`.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Kind.self)
        switch self {
        case .nbd(let request): try container.encode(request, forKey: .nbd)
        }
    }
}
