/// The packet filter of a host as the kernel has it: tables, chains and rules, for packets of one family.
///
/// It is made by a parser, see ``init(iptablesSave:family:)`` and ``fromNFT(_:)``, and read by an ``Evaluator``. What a
/// parser does not understand stays as a rule's exact text, and makes verdicts that hang on it `unknown`.
public struct RuleSet: Sendable {
    /// Rules that are in another listing.
    public enum Omission: Hashable, Sendable {
        /// In that of iptables-legacy-save.
        case legacy
        /// In that of nft, which has a table of iptables' that iptables-nft-save can't say.
        case nft(table: String)

        var reason: String {
            switch self {
            case .legacy: "the host has rules of iptables-legacy too, which this listing does not show"
            case .nft(let table): "table \(table) holds rules of nft's own, which this listing does not show"
            }
        }
    }

    /// Which packets the rules see.
    public enum Family: String, Hashable, CaseIterable, Sendable {
        case ipv4
        case ipv6
    }

    /// Which packets the rules see.
    public let family: Family
    /// Why nothing certain can be said, in the user's words: a cut listing, lines that are no rules. Empty is well.
    public internal(set) var doubts: [String] = []
    /// Rules that the listing itself says are in another one; ``merge(_:settling:)`` takes them from there.
    public internal(set) var omissions: Set<Omission> = []
    var tables: [FilterTable] = []

    init(family: Family) {
        self.family = family
    }

    /// How many rules there are.
    public var ruleCount: Int {
        tables.reduce(0) { $0 + $1.chains.reduce(0) { $0 + $1.rules.count } }
    }

    /// Adds other rules of the same kernel: a packet passes both.
    ///
    /// - Parameters:
    ///   - other: for example what `iptables-legacy-save -c` printed, beside that of `iptables-nft-save -c`.
    ///   - isSettled: which omissions these rules make up for; none by default.
    public mutating func merge(_ other: RuleSet, settling isSettled: (Omission) -> Bool = { _ in false }) {
        tables += other.tables
        doubts += other.doubts
        omissions = omissions.union(other.omissions).filter { !isSettled($0) }
    }

    /// Adds nft's own listing beside iptables-nft-save's: each table is taken from the one that says it right.
    mutating func merge(nft native: RuleSet) {
        let listed = Set(tables.map(\.name))
        let wrong = Set(native.tables.filter { $0.origin == .notExpressibleByIPTables }.map(\.name)).union(
            omissions.compactMap { omission in
                if case .nft(let table) = omission { table } else { nil }
            })
        var native = native
        for number in native.tables.indices where native.tables[number].origin == .notExpressibleByIPTables {
            guard let other = tables.first(where: { $0.name == native.tables[number].name }) else { continue }
            native.tables[number].adopt(other)
        }
        tables.removeAll { wrong.contains($0.name) }
        native.tables.removeAll { $0.origin == .iptables && listed.contains($0.name) && !wrong.contains($0.name) }
        merge(native) { $0 != .legacy }
    }
}

/// A table of chains that jump to each other.
struct FilterTable: Sendable {
    /// Whose rules they are, as far as nft's listing tells.
    enum Origin {
        case other
        /// All of it is what iptables-nft writes, so that its own listing is good and easier to read.
        case iptables
        /// It has the name of one of iptables' tables, and holds what iptables-nft-save misstates or leaves out.
        case notExpressibleByIPTables
    }

    var name: String
    var origin = Origin.other
    var chains: [Chain] = []
    /// Where a chain is, by its name.
    var index: [String: Int] = [:]

    init(name: String) {
        self.name = name
    }

    /// Takes the rules that iptables-nft-save says right from its listing of the same table, where they can be paired.
    mutating func adopt(_ other: FilterTable) {
        for chain in chains.indices {
            guard let twin = other.index[chains[chain].name].map({ other.chains[$0] }),
                twin.rules.count == chains[chain].rules.count
            else { continue }
            for number in twin.rules.indices where !chains[chain].rules[number].notExpressibleByIPTables {
                var rule = twin.rules[number]
                switch rule.target {
                case .jump(let to): rule.target = index[other.chains[to].name].map { .jump($0) } ?? .notUnderstood
                case .goTo(let to): rule.target = index[other.chains[to].name].map { .goTo($0) } ?? .notUnderstood
                default: break
                }
                chains[chain].rules[number] = rule
            }
            chains[chain].finish()
        }
    }
}

/// An ordered list of rules.
struct Chain: Sendable {
    /// Where the kernel hands packets over.
    enum Hook: Int, CaseIterable, Sendable {
        case prerouting, input, forward, output, postrouting
    }

    /// What makes a chain one that the kernel enters by itself.
    struct Base: Sendable {
        var hook: Hook
        /// Chains of one hook run in the order of this number.
        var priority: Int
        /// Whether it translates addresses: such a chain sees a connection's first packet only.
        var translates: Bool
        /// Whether its policy is to drop; `nil` where the word is not understood.
        var drops: Bool?

        /// Where it runs among all chains of the hook. Those that translate run in one place, whatever their priority,
        /// which orders them among each other only (`nf_nat_register_fn`).
        var place: Int {
            if !translates { return priority }
            return hook == .input || hook == .postrouting ? 100 : -100
        }
    }

    var name: String
    var base: Base?
    var packets: UInt64 = 0
    var bytes: UInt64 = 0
    var rules: [Rule] = []
    /// For each rule the destination ports it can match at all, so that most rules are passed by with two comparisons.
    var portHulls: [PortHull] = []
    /// For each rule the addresses it can match at all.
    var addressHulls: [AddressHull] = []
    /// For each rule the one protocol it can match; 0 is any.
    var transports: [UInt8] = []

    init(name: String, base: Base? = nil) {
        self.name = name
        self.base = base
    }

    /// Computes the hulls, once the rules are complete.
    mutating func finish() {
        portHulls = rules.map(\.portHull)
        addressHulls = rules.map(\.addressHull)
        transports = rules.map(\.onlyTransport)
    }
}

/// The smallest range that holds every destination port a rule can match.
struct PortHull: Sendable {
    var low: UInt16 = 0
    var high: UInt16 = .max
}

/// The smallest ranges that hold every address a rule can match.
struct AddressHull: Sendable {
    var source: ClosedRange<UInt128> = 0 ... .max
    var destination: ClosedRange<UInt128> = 0 ... .max
}

/// One rule, with the text it was read from.
struct Rule: Sendable {
    /// Exactly as listed, without counters.
    var text: String
    var packets: UInt64 = 0
    var bytes: UInt64 = 0
    var conditions: [Condition] = []
    var target = RuleTarget.continues
    /// Whether iptables-nft-save can't say it; known of rules that nft listed.
    var notExpressibleByIPTables = false

    /// The one protocol it can match; 0 is any.
    var onlyTransport: UInt8 {
        for condition in conditions where !condition.negated {
            if case .transport(let numbers) = condition.test, numbers.count == 1 { return numbers[0] }
        }
        return 0
    }

    /// What leaves it open whether it matches, where that has a name: `limit`.
    var variation: String? {
        for case .varying(let name) in conditions.lazy.map(\.test) { return name }
        return nil
    }

    /// The destination ports it can match at all.
    var portHull: PortHull {
        var hull = PortHull()
        for condition in conditions where !condition.negated {
            guard case .destinationPorts(let ports) = condition.test, let first = ports.ranges.first,
                let last = ports.ranges.last
            else { continue }
            hull.low = max(hull.low, first.lowerBound)
            hull.high = min(hull.high, last.upperBound)
        }
        return hull
    }

    /// The addresses it can match at all.
    var addressHull: AddressHull {
        var hull = AddressHull()
        for condition in conditions where !condition.negated {
            switch condition.test {
            case .source(let addresses): hull.source = addresses.hull ?? hull.source
            case .destination(let addresses): hull.destination = addresses.hull ?? hull.destination
            default: break
            }
        }
        return hull
    }
}

/// One test of a rule, possibly negated.
struct Condition: Sendable {
    var negated = false
    var test: Test

    enum Test: Sendable {
        /// The interface has one of these names.
        case inInterface([InterfacePattern])
        case outInterface([InterfacePattern])
        case source(AddressSet)
        case destination(AddressSet)
        /// Whether the destination is an address of this host.
        case destinationIsLocal
        case transport([UInt8])
        /// What IPv6's own header names as the next one, which is not the transport where other headers come between.
        case firstHeader([UInt8])
        case sourcePorts(PortSet)
        case destinationPorts(PortSet)
        case anyPorts(PortSet)
        /// Of the byte of a TCP header's flags.
        case tcpFlags(BitTest)
        /// The connection is in one of these states, or was translated so.
        case states(ConnectionStates)
        /// Of what the kernel notes of a connection (`enum ip_conntrack_status`); never holds without one, negated or not.
        case status(BitTest, negated: Bool)
        case icmp(types: ClosedRange<UInt8>, codes: ClosedRange<UInt8>)
        /// A later fragment of a datagram; a packet that opens a connection never is one.
        case fragment
        /// What hangs on the time, or on packets that came before; with the name of it.
        case varying(String)
        case notUnderstood
    }
}

/// What a rule does with a packet it matches.
enum RuleTarget: Sendable {
    case accept
    case drop
    case reject
    case leave
    case jump(Int)
    case goTo(Int)
    case translateDestination(AddressSet?, ports: ClosedRange<UInt16>?)
    case redirect(ports: ClosedRange<UInt16>?)
    case translateSource
    /// Logs, marks, counts, or nothing at all.
    case continues
    case notUnderstood
}

/// An interface's name, or the beginning of one, packed into a number so that a comparison is one instruction.
struct InterfacePattern: Hashable, Sendable {
    private var value: UInt128
    private var mask: UInt128
    /// As written: `eth0`, or `eth+`.
    let text: String

    /// - Parameter text: a name of up to 15 bytes; a final `+` stands for any rest.
    init?(_ text: String) {
        let isPrefix = text.hasSuffix("+")
        self.init(name: isPrefix ? String(text.dropLast()) : text, isPrefix: isPrefix)
    }

    /// - Parameters:
    ///   - name: a name of up to 15 bytes, in which no sign has a meaning of its own.
    ///   - isPrefix: whether any rest may follow.
    init?(name: String, isPrefix: Bool) {
        let bytes = Array(name.utf8)
        guard bytes.count <= 15 else { return nil }
        text = isPrefix ? name + "+" : name
        value = Self.pack(bytes)
        mask = isPrefix ? Self.pack([UInt8](repeating: 0xff, count: bytes.count)) : .max
    }

    /// Whether any name begins like this.
    var isPrefix: Bool { mask != .max }

    /// Whether every interface fits.
    var fitsAll: Bool { mask == 0 }

    func fits(_ name: InterfaceName) -> Bool { name.value & mask == value }

    fileprivate static func pack(_ bytes: [UInt8]) -> UInt128 {
        var value: UInt128 = 0
        for index in 0..<16 { value = value << 8 | UInt128(index < bytes.count ? bytes[index] : 0) }
        return value
    }
}

/// An interface's name, packed as ``InterfacePattern`` wants it.
struct InterfaceName: Hashable, Sendable {
    fileprivate let value: UInt128

    /// - Parameter text: what is beyond the 15 bytes the kernel allows is ignored.
    init(_ text: String) {
        value = InterfacePattern.pack(Array(text.utf8.prefix(15)))
    }

    var text: String {
        let bytes = (0..<16).map { UInt8(truncatingIfNeeded: value >> UInt128(120 - 8 * $0)) }
        return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
}
