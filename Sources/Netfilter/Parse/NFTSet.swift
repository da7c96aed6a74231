import Platform

/// The elements of a set of nft's, or a single value, for packets of one family.
///
/// A named set serves all rules that use it: what it comes to is worked out once, for each meaning that it may have, and
/// looked up by its sorted ranges. Not safe to share between threads.
final class NFTSet {
    /// As listed, without what stands beside an element: comments, timeouts, counters.
    let elements: [JSONValue]
    private let family: RuleSet.Family

    /// The names and patterns of interfaces that are read of one set.
    private static let maximumInterfaces = 256

    /// - Parameters:
    ///   - value: a list of elements, or one.
    ///   - family: of the addresses.
    init(_ value: JSONValue, family: RuleSet.Family) {
        elements = (value.array ?? [value]).map { $0["elem"]?["val"] ?? $0 }
        self.family = family
    }

    /// As ports; `nil` where an element is none.
    private(set) lazy var ports: PortSet? = {
        let ranges = elements.compactMap { element -> ClosedRange<UInt16>? in
            Self.range(element) { $0.integer(UInt16.self) }
        }
        return ranges.count == elements.count ? PortSet(ranges) : nil
    }()

    /// As addresses of the family; `nil` where an element is none.
    private(set) lazy var addresses: AddressSet? = {
        let ranges = elements.compactMap { element -> ClosedRange<UInt128>? in
            if let prefix = element["prefix"] {
                guard let address = address(prefix["addr"]), let length = prefix["len"]?.integer(Int.self) else {
                    return nil
                }
                return address.range(prefixLength: length)
            }
            return Self.range(element) { address($0)?.number }
        }
        return ranges.count == elements.count ? AddressSet(ranges) : nil
    }()

    private func address(_ value: JSONValue?) -> IPAddress? {
        value?.string.flatMap { IPAddress($0) }.flatMap { $0.family == family ? $0 : nil }
    }

    /// As the numbers of transport protocols; `nil` where an element is none.
    private(set) lazy var transports: [UInt8]? = {
        let numbers = elements.compactMap { element in
            element.integer(UInt8.self) ?? element.string.flatMap { TransportProtocol.number($0) }
        }
        return numbers.count == elements.count ? Set(numbers).sorted() : nil
    }()

    /// As names of interfaces, or beginnings of them: `eth*`; `nil` where an element is none.
    private(set) lazy var interfaces: [InterfacePattern]? = {
        guard elements.count <= Self.maximumInterfaces else { return nil }
        let patterns = elements.compactMap { element -> InterfacePattern? in
            guard let name = element.string, !name.contains("\\") else { return nil }
            return name.hasSuffix("*")
                ? InterfacePattern(name: String(name.dropLast()), isPrefix: true)
                : InterfacePattern(name: name, isPrefix: false)
        }
        return patterns.count == elements.count ? patterns : nil
    }()

    private static func range<Number: Comparable>(
        _ element: JSONValue, _ read: (JSONValue) -> Number?
    ) -> ClosedRange<Number>? {
        guard let ends = element["range"]?.array else { return read(element).map { $0...$0 } }
        guard ends.count == 2, let first = read(ends[0]), let last = read(ends[1]), first <= last else { return nil }
        return first...last
    }

    /// The number that flags make: `"syn"`, `18`, `["syn", "ack"]` or `{"|": ["syn", "ack"]}`.
    static func bits(_ value: JSONValue, _ bit: (String) -> UInt32?) -> UInt32? {
        if let number = value.integer(UInt32.self) { return number }
        if let word = value.string { return bit(word) }
        guard let parts = value.array ?? value["|"]?.array, !parts.isEmpty else { return nil }
        var all: UInt32 = 0
        for part in parts {
            guard let number = bits(part, bit) else { return nil }
            all |= number
        }
        return all
    }
}
