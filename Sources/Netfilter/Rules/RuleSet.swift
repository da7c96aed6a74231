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
