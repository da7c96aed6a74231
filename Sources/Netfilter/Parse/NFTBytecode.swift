/// What the rules of nft's `inet` tables ask of a packet's family, by the kernel's own instructions.
///
/// `nft list` leaves out what it takes to be implied, and is wrong where a rule ends with `reject with tcp reset`: there
/// `meta nfproto ipv4` and `meta protocol ip` vanish from the listing, and from its JSON, though the kernel minds them.
/// The instructions that `nft --debug=netlink list ruleset inet` prints have them all.
struct NFTBytecode {
    /// Which packets a rule can match at all.
    enum Families {
        case both
        case only(RuleSet.Family)
        /// The rule is not there, or an instruction is not understood.
        case unknown
    }

    private var rules: [String: Families] = [:]

    /// Reads the instructions.
    ///
    /// - Parameter text: what nft printed: for each rule a line `inet TABLE CHAIN HANDLE …`, then its instructions, one
    ///   a line, in brackets, as libnftnl's `nftnl_rule_snprintf` writes them. The listing behind them is passed over.
    init(_ text: [UInt8]) {
        var rule: String?
        var isFamily = false
        for line in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            let words = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
            guard words.first?.elementsEqual("[".utf8) == true else {
                isFamily = false
                let isIndented = line.first == UInt8(ascii: " ") || line.first == UInt8(ascii: "\t")
                // A comment's text stands between two rules, indented.
                if !isIndented { rule = Self.key(of: words) }
                if let rule { rules[rule] = rules[rule] ?? .both }
                continue
            }
            guard let rule else { continue }
            let instruction = words.dropFirst().map { String(decoding: $0, as: UTF8.self) }
            if isFamily { narrow(rule, instruction) }
            isFamily = ["nfproto", "protocol"].contains { instruction.starts(with: ["meta", "load", $0]) }
        }
    }

    /// Which packets a rule can match.
    func families(table: String, chain: String, handle: Int) -> Families {
        rules["\(table) \(chain) \(handle)"] ?? .unknown
    }

    private static func key(of words: [ArraySlice<UInt8>]) -> String? {
        let words = words.map { String(decoding: $0, as: UTF8.self) }
        guard words.count >= 4, words[0] == "inet", Int(words[3]) != nil else { return nil }
        return words[1...3].joined(separator: " ")
    }

    /// Takes what follows the loading of a family: `cmp eq reg 1 0x00000002 ]`. What else can follow, a set or an
    /// inequality, is never left out of the listing.
    private mutating func narrow(_ rule: String, _ instruction: [String]) {
        guard instruction.starts(with: ["cmp", "eq", "reg"]), instruction.count > 4 else { return }
        let family: RuleSet.Family?
        switch UInt32(instruction[4].dropFirst(2), radix: 16) {
        // NFPROTO_IPV4 and NFPROTO_IPV6, ETH_P_IP and ETH_P_IPV6, in either order of bytes.
        case 2, 0x0200_0000, 0x0008, 0x0800: family = .ipv4
        case 10, 0x0a00_0000, 0xdd86, 0x86dd: family = .ipv6
        default: family = nil
        }
        switch (rules[rule], family) {
        case (.both, let family?): rules[rule] = .only(family)
        case (.only(let other), let family?) where other == family: break
        default: rules[rule] = .unknown
        }
    }
}
