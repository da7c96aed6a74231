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
