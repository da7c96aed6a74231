/// What connection tracking says of a packet (`nf_conntrack_common.h`).
struct ConnectionStates: OptionSet, Sendable {
    let rawValue: UInt8
    static let invalid = ConnectionStates(rawValue: 1)
    static let new = ConnectionStates(rawValue: 2)
    static let established = ConnectionStates(rawValue: 4)
    static let related = ConnectionStates(rawValue: 8)
    static let untracked = ConnectionStates(rawValue: 16)
    static let sourceTranslated = ConnectionStates(rawValue: 32)
    static let destinationTranslated = ConnectionStates(rawValue: 64)

    init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Reads the words of `--ctstate`, `--state`, and nft's `ct state` and `ct status`.
    ///
    /// - Returns: `nil` where a word is none of them.
    init?(words: some Sequence<some StringProtocol>) {
        self = []
        for word in words {
            switch word.uppercased() {
            case "INVALID": insert(.invalid)
            case "NEW": insert(.new)
            case "ESTABLISHED": insert(.established)
            case "RELATED": insert(.related)
            case "UNTRACKED": insert(.untracked)
            case "SNAT": insert(.sourceTranslated)
            case "DNAT": insert(.destinationTranslated)
            default: return nil
            }
        }
    }
}

/// A comparison of some bits of a number, as the kernel's instructions `bitwise`, `cmp` and `lookup` make it.
struct BitTest: Hashable, Sendable {
    /// The bits that are looked at.
    var mask: UInt32
    /// What they may come to.
    var values: [UInt32]

    /// More values than this are not read.
    static let maximumValues = 256

    /// Whether the bits come to one of the values.
    ///
    /// - Parameters:
    ///   - number: the number, as far as it is known.
    ///   - known: its bits that are known.
    func holds(_ number: UInt32, known: UInt32 = .max) -> Ternary {
        var answer = Ternary.no
        for value in values where value & ~mask == 0 && (number ^ value) & mask & known == 0 {
            if mask & ~known == 0 { return .yes }
            answer = .maybe
        }
        return answer
    }
}

extension ConnectionStates {
    /// The states and their bits in nft's `ct state` (`NF_CT_STATE_BIT`): a packet has just one of them.
    private static let stateBits: [(word: String, bit: UInt32, state: ConnectionStates)] = [
        ("invalid", 1, .invalid), ("established", 2, .established), ("related", 4, .related), ("new", 8, .new),
        ("untracked", 64, .untracked),
    ]
    /// The bits of nft's `ct status` (`enum ip_conntrack_status`), as far as nft has words for them.
    private static let statusBits: [String: UInt32] = [
        "expected": 1, "seen-reply": 2, "assured": 4, "confirmed": 8, "snat": 16, "dnat": 32, "dying": 512,
    ]

    /// The bit of a word of nft's `ct state`.
    static func stateBit(_ word: String) -> UInt32? { stateBits.first { $0.word == word }?.bit }

    /// The bit of a word of nft's `ct status`.
    static func statusBit(_ word: String) -> UInt32? { statusBits[word] }

    /// The states in which a comparison of `ct state` comes out so.
    init(where test: BitTest, is wanted: Bool) {
        self = []
        for (_, bit, state) in Self.stateBits where test.holds(bit) == Ternary(wanted) { insert(state) }
    }

    /// What `ct status` is in such a state, and which of its bits are known; `nil` where there is no connection.
    private var status: (number: UInt32, known: UInt32)? {
        if contains(.invalid) || contains(.untracked) { return nil }
        // Before the end of its first way a connection is not confirmed, and nothing has come back.
        var number: UInt32 = contains(.established) ? 2 | 8 : 0
        var known: UInt32 = contains(.new) ? 1 | 2 | 4 | 8 | 512 : contains(.established) ? 1 | 2 | 8 : 0
        known |= 16 | 32
        // Who is translated has been looked at for it (IPS_SRC_NAT_DONE, IPS_DST_NAT_DONE); who is not may have been.
        if contains(.sourceTranslated) { (number, known) = (number | 16 | 128, known | 128) }
        if contains(.destinationTranslated) { (number, known) = (number | 32 | 256, known | 256) }
        return (number, known)
    }

    /// Whether a comparison of `ct status` comes out as wanted.
    ///
    /// - Parameters:
    ///   - test: the comparison.
    ///   - wanted: whether it is to hold; in neither case does it where there is no connection.
    ///   - possible: what may hold beside what does.
    func status(_ test: BitTest, is wanted: Bool, possible: ConnectionStates) -> Ternary {
        var answers: Set<Ternary> = []
        let ways: [ConnectionStates] = [
            [], .sourceTranslated, .destinationTranslated, [.sourceTranslated, .destinationTranslated],
        ]
        for added in ways where possible.union(self).isSuperset(of: added) {
            guard let (number, known) = union(added).status else { return .no }
            let answer = test.holds(number, known: known)
            answers.insert(wanted ? answer : !answer)
        }
        return answers.count == 1 ? answers.first ?? .maybe : .maybe
    }
}
