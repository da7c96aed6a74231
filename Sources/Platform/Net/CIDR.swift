/// A network: an address and the number of leading bits that count (RFC 4632).
public struct CIDR: Hashable, Sendable {
    /// Any address of the network.
    public let address: IPAddress
    /// The number of leading bits that must agree: 0…32, or 0…128.
    public let prefixLength: Int

    /// Reads `10.1.0.0/24`, or a bare address as a network of one.
    ///
    /// - Returns: `nil` where the text is neither.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = parts.first.flatMap({ IPAddress(String($0)) }) else { return nil }
        let width = address.bytes.count * 8
        guard let length = parts.count == 2 ? Int(parts[1]) : width, (0...width).contains(length) else { return nil }
        // By which interface somebody comes is no part of a network.
        self.address = IPAddress(bytes: address.bytes)
        self.prefixLength = length
    }

    /// Whether the address lies in this network. Addresses of the other family never do.
    public func contains(_ other: IPAddress) -> Bool {
        guard other.bytes.count == address.bytes.count else { return false }
        for (index, (mine, theirs)) in zip(address.bytes, other.bytes).enumerated() {
            let bits = min(max(prefixLength - index * 8, 0), 8)
            let mask = UInt8(truncatingIfNeeded: 0xff00 >> bits)
            if (mine ^ theirs) & mask != 0 { return false }
        }
        return true
    }
}

extension CIDR: CustomStringConvertible {
    /// `10.1.0.0/24`; a network of one is written as its bare address.
    public var description: String {
        prefixLength == address.bytes.count * 8 ? address.description : "\(address)/\(prefixLength)"
    }
}

extension CIDR: Codable {
    /// Reads the text that ``description`` writes.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let value = CIDR(text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "not an address or network: \(text)")
        }
        self = value
    }

    /// Writes ``description``.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
