public import Platform

/// Yes, no, or not to be known: the logic of Kleene, `and` the smaller and `or` the greater.
enum Ternary: Int8, Comparable, Sendable {
    case no
    case maybe
    case yes

    static func < (left: Ternary, right: Ternary) -> Bool { left.rawValue < right.rawValue }

    init(_ value: Bool) { self = value ? .yes : .no }

    static prefix func ! (value: Ternary) -> Ternary {
        switch value {
        case .no: .yes
        case .maybe: .maybe
        case .yes: .no
        }
    }
}

/// Some addresses of one family, as sorted ranges that don't touch.
struct AddressSet: Hashable, Sendable {
    private(set) var ranges: [ClosedRange<UInt128>]

    init(_ ranges: [ClosedRange<UInt128>]) {
        self.ranges = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = self.ranges.last,
                range.lowerBound <= last.upperBound || range.lowerBound == last.upperBound + 1
            {
                self.ranges[self.ranges.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                self.ranges.append(range)
            }
        }
    }

    init(_ address: IPAddress) {
        let number = address.number
        ranges = [number...number]
    }

    init(_ network: CIDR) {
        ranges = [network.range]
    }

    /// The smallest range that holds all of them.
    var hull: ClosedRange<UInt128>? {
        guard let first = ranges.first, let last = ranges.last else { return nil }
        return first.lowerBound...last.upperBound
    }

    /// Every address of a family.
    static func all(_ family: RuleSet.Family) -> AddressSet {
        AddressSet([family == .ipv4 ? 0...UInt128(UInt32.max) : 0...UInt128.max])
    }

    /// What is here and not there.
    func subtracting(_ other: AddressSet) -> AddressSet {
        var rest: [ClosedRange<UInt128>] = []
        for range in ranges {
            var start: UInt128? = range.lowerBound
            for hole in other.ranges where hole.overlaps(range) {
                guard let from = start else { break }
                if hole.lowerBound > from { rest.append(from...hole.lowerBound - 1) }
                start = hole.upperBound < range.upperBound ? hole.upperBound + 1 : nil
            }
            if let start, start <= range.upperBound { rest.append(start...range.upperBound) }
        }
        return AddressSet(rest)
    }

    /// Whether an address that is one of `candidates` lies here: `maybe` where only some do.
    func holds(_ candidates: AddressSet) -> Ternary {
        var some = false
        var none = false
        for candidate in candidates.ranges {
            var low = 0
            var high = ranges.count
            while low < high {
                let middle = (low + high) / 2
                if ranges[middle].upperBound < candidate.lowerBound { low = middle + 1 } else { high = middle }
            }
            guard low < ranges.count, ranges[low].lowerBound <= candidate.upperBound else {
                none = true
                continue
            }
            some = true
            if ranges[low].lowerBound > candidate.lowerBound || ranges[low].upperBound < candidate.upperBound {
                none = true
            }
        }
        return some ? (none ? .maybe : .yes) : .no
    }

    /// The one address, where there is but one.
    func single(_ family: RuleSet.Family) -> IPAddress? {
        guard ranges.count == 1, ranges[0].lowerBound == ranges[0].upperBound else { return nil }
        return IPAddress(number: ranges[0].lowerBound, family: family)
    }

    /// For people: an address, or the first and the last of a range.
    func text(_ family: RuleSet.Family) -> String {
        ranges.map { range in
            let ends = [range.lowerBound, range.upperBound].compactMap { IPAddress(number: $0, family: family) }
            return range.lowerBound == range.upperBound
                ? "\(ends[0])" : ends.map(\.description).joined(separator: "-")
        }.joined(separator: ", ")
    }
}

/// Some ports, as sorted ranges that don't touch.
struct PortSet: Hashable, Sendable {
    private(set) var ranges: [ClosedRange<UInt16>]

    init(_ ranges: [ClosedRange<UInt16>]) {
        self.ranges = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = self.ranges.last, Int(range.lowerBound) <= Int(last.upperBound) + 1 {
                self.ranges[self.ranges.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                self.ranges.append(range)
            }
        }
    }

    /// The first range that ends at this port or after it.
    private func index(_ port: UInt16) -> Int {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < port { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Whether a port that is one of `candidates` lies here: `maybe` where only some do.
    func holds(_ candidates: ClosedRange<UInt16>) -> Ternary {
        let index = index(candidates.lowerBound)
        guard index < ranges.count, ranges[index].lowerBound <= candidates.upperBound else { return .no }
        let range = ranges[index]
        return range.lowerBound <= candidates.lowerBound && range.upperBound >= candidates.upperBound ? .yes : .maybe
    }

    /// The ports around `port` for which the answer is the same.
    func portsWithSameResult(around port: UInt16) -> ClosedRange<UInt16> {
        let index = index(port)
        if index < ranges.count, ranges[index].contains(port) { return ranges[index] }
        let low = index > 0 ? ranges[index - 1].upperBound + 1 : 0
        let high = index < ranges.count ? ranges[index].lowerBound - 1 : .max
        return low...high
    }

    /// For people: `22, 2000-2009`.
    var text: String {
        ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ", ")
    }
}

extension IPAddress {
    /// The address as a number.
    var number: UInt128 { bytes.reduce(0) { $0 << 8 | UInt128($1) } }

    /// Which packets it stands in.
    public var family: RuleSet.Family { bytes.count == 4 ? .ipv4 : .ipv6 }

    init?(number: UInt128, family: RuleSet.Family) {
        let count = family == .ipv4 ? 4 : 16
        self.init(networkOrder: (0..<count).map { UInt8(truncatingIfNeeded: number >> UInt128(8 * (count - 1 - $0))) })
    }
}

extension IPAddress {
    /// The first and the last address of the network of so many leading bits; `nil` where there are not so many.
    func range(prefixLength: Int) -> ClosedRange<UInt128>? {
        let width = bytes.count * 8
        guard (0...width).contains(prefixLength) else { return nil }
        let open = width - prefixLength
        let hosts: UInt128 = open == 128 ? .max : (1 << UInt128(open)) - 1
        let first = number & ~hosts
        return first...first | hosts
    }
}

extension CIDR {
    /// The first and the last of its addresses.
    var range: ClosedRange<UInt128> { address.range(prefixLength: prefixLength) ?? address.number...address.number }
}
