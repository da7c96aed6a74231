import Platform

/// What a listing may hold; more is not read, and makes every verdict `unknown`.
enum ListingLimits {
    /// Bytes of a whole listing.
    static let bytes = 16 << 20
    /// Bytes of one line: half as much again as `iptables-restore` takes.
    static let lineBytes = 16 << 10
    static let tables = 64
    static let chains = 1 << 16
    static let rules = 200_000
    /// Complaints that are kept.
    static let doubts = 8
}

extension RuleSet {
    /// Reads what `iptables-save -c` or `ip6tables-save -c` printed; counters may be missing.
    ///
    /// It never fails: a rule that is not understood keeps its text and is treated as one that may match, and a listing
    /// that is cut or is none at all leaves ``doubts``. Time and memory are proportional to the input, which is bounded.
    ///
    /// - Parameters:
    ///   - text: the listing.
    ///   - family: `.ipv4` for `iptables-save`, `.ipv6` for `ip6tables-save`; the listing itself doesn't say.
    public init(iptablesSave text: [UInt8], family: Family) {
        self.init(family: family)
        var parser = SaveParser(rules: self)
        parser.read(text)
        self = parser.rules
    }

    mutating func doubt(_ text: @autoclosure () -> String) {
        if doubts.count < ListingLimits.doubts { doubts.append(text()) }
    }

    /// Computes what the evaluation looks up.
    mutating func finish() {
        for table in tables.indices {
            for chain in tables[table].chains.indices {
                tables[table].chains[chain].finish()
            }
        }
    }
}

/// The state of reading an `iptables-save` listing, line by line.
private struct SaveParser {
    var rules: RuleSet
    private var table: FilterTable?
    /// Jumps whose chains may be declared further down.
    private var jumps: [(chain: Int, rule: Int, name: String, isGoto: Bool)] = []
    private var chainCount = 0
    private var ruleCount = 0

    init(rules: RuleSet) {
        self.rules = rules
    }

    mutating func read(_ text: [UInt8]) {
        guard text.count <= ListingLimits.bytes else {
            rules.doubt("the listing is longer than \(ListingLimits.bytes >> 20) MiB")
            return
        }
        for (number, line) in text.split(separator: 10, omittingEmptySubsequences: false).enumerated() {
            read(line, number: number + 1)
        }
        if table != nil {
            rules.doubt("the listing is cut off: the last table has no COMMIT")
            endTable()
        }
        rules.finish()
    }

    private mutating func read(_ raw: ArraySlice<UInt8>, number: Int) {
        let line = raw.drop { $0 == 32 || $0 == 9 || $0 == 13 }
        guard line.count <= ListingLimits.lineBytes else {
            rules.doubt("line \(number) is longer than \(ListingLimits.lineBytes >> 10) KiB")
            return
        }
        switch line.first {
        case nil: break
        case UInt8(ascii: "#"): readComment(String(decoding: line, as: UTF8.self))
        case UInt8(ascii: "*"): beginTable(trimmed(line.dropFirst()))
        case UInt8(ascii: ":"): readChain(line, number: number)
        case UInt8(ascii: "["), UInt8(ascii: "-"): readRule(line, number: number)
        default:
            if trimmed(line) == "COMMIT", table != nil { endTable() } else { complain(line, number) }
        }
    }

    private func trimmed(_ bytes: ArraySlice<UInt8>) -> String {
        var bytes = bytes
        while let last = bytes.last, last == 13 || last == 32 || last == 9 { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }

    private mutating func complain(_ line: ArraySlice<UInt8>, _ number: Int) {
        let text = trimmed(line.prefix(80))
        rules.doubt("line \(number) is not a rule: \(text)")
    }

    private mutating func readComment(_ text: String) {
        // These are warnings of iptables-nft-save about rules it does not list.
        if text.contains("legacy tables present") { rules.omissions.insert(.legacy) }
        if text.contains("is incompatible, use 'nft' tool") || text.contains("contains incompatible base-chains") {
            // # Table `NAME' is …
            let name = text.drop { $0 != "`" }.dropFirst().prefix { $0 != "'" }
            rules.omissions.insert(.nft(table: String(name.prefix(40))))
        }
    }

    private mutating func beginTable(_ name: String) {
        if table != nil {
            rules.doubt("table \(name) begins before the one above it ends")
            endTable()
        }
        guard rules.tables.count < ListingLimits.tables else {
            rules.doubt("there are more than \(ListingLimits.tables) tables")
            return
        }
        if rules.tables.contains(where: { $0.name == name }) {
            rules.doubt("table \(name) stands twice in one listing")
        }
        if !IPTablesWords.tables.contains(name) { rules.doubt("a table '\(name.prefix(40))' is not known") }
        table = FilterTable(name: name)
    }

    private mutating func endTable() {
        guard var table else { return }
        for jump in jumps {
            let target: RuleTarget
            if let chain = table.index[jump.name], table.chains[chain].base == nil {
                target = jump.isGoto ? .goTo(chain) : .jump(chain)
            } else {
                target = .notUnderstood
            }
            table.chains[jump.chain].rules[jump.rule].target = target
        }
        jumps = []
        rules.tables.append(table)
        self.table = nil
    }

    /// `:INPUT DROP [12:345]`
    private mutating func readChain(_ line: ArraySlice<UInt8>, number: Int) {
        let words = trimmed(line.dropFirst()).split(separator: " ")
        guard words.count >= 2, table != nil, table?.index[String(words[0])] == nil else {
            return complain(line, number)
        }
        let name = String(words[0])
        guard let chain = addChain(name) else { return }
        if table?.chains[chain].base != nil {
            table?.chains[chain].base?.drops = words[1] == "DROP" ? true : words[1] == "ACCEPT" ? false : nil
        }
        if words.count > 2, let counters = Self.counters(words[2]) {
            table?.chains[chain].packets = counters.packets
            table?.chains[chain].bytes = counters.bytes
        }
    }

    private mutating func addChain(_ name: String) -> Int? {
        guard let count = table?.chains.count, let kind = table?.name, chainCount < ListingLimits.chains else {
            rules.doubt("there are more than \(ListingLimits.chains) chains")
            return nil
        }
        chainCount += 1
        table?.chains.append(Chain(name: name, base: Chain.Base(ofIPTables: kind, chain: name)))
        table?.index[name] = count
        return count
    }

    /// `[12:345] -A INPUT -i lo -j ACCEPT`
    private mutating func readRule(_ line: ArraySlice<UInt8>, number: Int) {
        var line = line
        var counters: (packets: UInt64, bytes: UInt64) = (0, 0)
        if line.first == UInt8(ascii: "["), let end = line.firstIndex(of: UInt8(ascii: "]")) {
            guard let found = Self.counters(Substring(decoding: line[...end], as: UTF8.self)) else {
                return complain(line, number)
            }
            counters = found
            line = line[(end + 1)...].drop { $0 == 32 }
        }
        let tokens = RuleToken.split(line)
        guard table != nil, tokens.count >= 2, tokens[0].text == "-A" || tokens[0].text == "--append" else {
            return complain(line, number)
        }
        if tokens.last?.isCut == true {
            // A comment may hold the end of a line, and behind it what looks like rules.
            rules.doubt("the quotes of line \(number) don't end on it")
        }
        guard ruleCount < ListingLimits.rules else {
            return rules.doubt("there are more than \(ListingLimits.rules) rules")
        }
        let name = tokens[1].text
        guard let chain = table?.index[name] ?? addChain(name) else { return }
        ruleCount += 1
        var options = RuleOptions(family: rules.family)
        options.read(tokens.dropFirst(2))
        var rule = Rule(text: trimmed(line), packets: counters.packets, bytes: counters.bytes)
        rule.conditions = options.conditions
        rule.target = options.target
        if let jump = options.jump, let count = table?.chains[chain].rules.count {
            jumps.append((chain, count, jump.name, jump.isGoto))
        }
        table?.chains[chain].rules.append(rule)
    }

    /// `[12:345]`
    private static func counters(_ text: Substring) -> (packets: UInt64, bytes: UInt64)? {
        guard text.first == "[", text.last == "]" else { return nil }
        let numbers = text.dropFirst().dropLast().split(separator: ":").map { UInt64($0) }
        guard numbers.count == 2, let packets = numbers[0], let bytes = numbers[1] else { return nil }
        return (packets, bytes)
    }
}

/// A word of a rule.
struct RuleToken {
    var text: String
    /// Whether it stood in quotes, and so is never an option.
    var isQuoted = false
    /// Whether the line ended before the quotes did.
    var isCut = false

    /// Splits a line at spaces, after the quoting of `xtables_save_string`: double quotes, with backslashes inside.
    static func split(_ line: ArraySlice<UInt8>) -> [RuleToken] {
        var tokens: [RuleToken] = []
        var word: [UInt8] = []
        var inside = false
        var quoted = false
        var escaped = false
        for byte in line {
            if escaped {
                word.append(byte)
                escaped = false
            } else if inside {
                switch byte {
                case UInt8(ascii: "\\"): escaped = true
                case UInt8(ascii: "\""): inside = false
                default: word.append(byte)
                }
            } else if byte == UInt8(ascii: "\"") {
                inside = true
                quoted = true
            } else if byte == 32 || byte == 9 || byte == 13 {
                if !word.isEmpty || quoted {
                    tokens.append(RuleToken(text: String(decoding: word, as: UTF8.self), isQuoted: quoted))
                }
                word.removeAll(keepingCapacity: true)
                quoted = false
            } else {
                word.append(byte)
            }
        }
        if !word.isEmpty || quoted {
            tokens.append(RuleToken(text: String(decoding: word, as: UTF8.self), isQuoted: quoted, isCut: inside))
        }
        return tokens
    }
}
