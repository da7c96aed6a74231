import Platform

/// One table of a listing of `iptables-save`, from its star to its COMMIT, as it is put together from a mail's lines.
struct SavedTable {
    let name: String
    /// Whose rules they are, where a line above the table says so.
    let family: RuleSet.Family?
    /// `nft`, `legacy`, or `default` where that isn't said.
    let backEnd: String
    /// The text, a rule a line.
    private(set) var bytes: [UInt8] = []
    /// The families that some word of it belongs to.
    private(set) var evidence: Set<RuleSet.Family> = []
    /// Whether it lets everything pass, by policies and without a rule.
    private(set) var isIdle = true

    /// The line that may go on.
    private var line: [UInt8] = []
    private var isQuoteOpen = false
    private var isEscaped = false

    init(name: String, family: RuleSet.Family?, backEnd: String) {
        self.name = name
        self.family = family
        self.backEnd = backEnd
    }

    /// Takes a line, or the rest of one: mail programs break lines at a space.
    mutating func append(_ next: ArraySlice<UInt8>) {
        if goesOn(with: next) {
            line.append(32)
            isEscaped = false
        } else {
            finish()
        }
        line += next
        for byte in next {
            if isEscaped {
                isEscaped = false
            } else if isQuoteOpen, byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isQuoteOpen.toggle()
            }
        }
    }

    /// Ends the last line; nothing may follow.
    mutating func finish() {
        if !line.isEmpty {
            bytes += line + [10]
            examine()
        }
        line.removeAll(keepingCapacity: true)
        (isQuoteOpen, isEscaped) = (false, false)
    }

    private func goesOn(with next: ArraySlice<UInt8>) -> Bool {
        guard !line.isEmpty, line.count + next.count < ListingLimits.lineBytes else { return false }
        if line.first == UInt8(ascii: ":") { return Self.isCounters(next) }
        guard Self.isAppend(line[...]) || Self.hasCounters(line[...]) else { return false }
        let begins =
            Self.isAppend(next) || next.first == UInt8(ascii: ":") || next.first == UInt8(ascii: "#")
            || Self.hasCounters(next) || next.elementsEqual("COMMIT".utf8)
        return isQuoteOpen || !begins
    }

    /// `[1:60] -A …`
    private static func hasCounters(_ line: ArraySlice<UInt8>) -> Bool {
        guard line.first == UInt8(ascii: "["), let end = line.firstIndex(of: UInt8(ascii: "]")) else { return false }
        return isAppend(line[end...].dropFirst().drop { $0 == 32 })
    }

    /// `-A INPUT …`
    private static func isAppend(_ line: ArraySlice<UInt8>) -> Bool {
        line.starts(with: "-A ".utf8) || line.elementsEqual("-A".utf8)
    }

    /// `[1:60]`
    private static func isCounters(_ line: ArraySlice<UInt8>) -> Bool {
        line.first == UInt8(ascii: "[") && line.last == UInt8(ascii: "]")
            && line.dropFirst().dropLast().allSatisfy { (48...58).contains($0) }
    }

    // MARK: Whose it is

    private mutating func examine() {
        switch line.first {
        case UInt8(ascii: ":"):
            let words = line.split(separator: 32)
            if words.count > 1, !words[1].elementsEqual("ACCEPT".utf8), !words[1].elementsEqual("-".utf8) {
                isIdle = false
            }
        case UInt8(ascii: "-"), UInt8(ascii: "["):
            isIdle = false
            let tokens = RuleToken.split(line[...])
            for (option, value) in zip(tokens, tokens.dropFirst()) where !option.isQuoted && !value.isQuoted {
                if let found = Self.family(option.text, value.text) { evidence.insert(found) }
            }
        case UInt8(ascii: "*"), UInt8(ascii: "#"): break
        default: if !line.elementsEqual("COMMIT".utf8) { isIdle = false }
        }
    }

    private static let matches: [String: RuleSet.Family] = [
        "icmp": .ipv4, "ttl": .ipv4, "realm": .ipv4, "icmp6": .ipv6, "icmpv6": .ipv6, "ipv6-icmp": .ipv6, "hl": .ipv6,
        "ipv6header": .ipv6, "frag": .ipv6, "rt": .ipv6, "hbh": .ipv6, "dst": .ipv6, "mh": .ipv6, "eui64": .ipv6,
    ]

    /// Which family has an option with such a value, where only one has.
    private static func family(_ option: String, _ value: String) -> RuleSet.Family? {
        switch option {
        case "-m", "--match": return matches[value]
        case "--reject-with": return value.hasPrefix("icmp6") ? .ipv6 : value.hasPrefix("icmp") ? .ipv4 : nil
        case "-s", "-d", "--src-range", "--dst-range", "--ctorigsrc", "--ctorigdst", "--ctreplsrc", "--ctrepldst",
            "--to-destination", "--to-source", "--to":
            if value.hasPrefix("[") { return .ipv6 }
            let start = value.prefix { $0 != "/" && $0 != "-" }
            return (IPAddress(String(start)) ?? IPAddress(String(start.prefix { $0 != ":" })))?.family
        default: return nil
        }
    }
}
