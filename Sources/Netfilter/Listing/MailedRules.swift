import Platform

/// What an owner mails: listings of `iptables-save`, `ip6tables-save` and `nft -j`, in whatever order and company.
///
/// Text around the listings is passed over, within them never: a line that a mail program has broken is put together
/// again, any other is left for the parser to complain about. Whose a table is tells the line above it, or what only one
/// family has; where neither does, nothing is certain.
struct MailedRules {
    /// The listings, by the names that ``RuleListing`` has for them.
    private(set) var parts: [String: RuleListing.Part] = [:]
    /// Why it can't be told which rules the kernel has, of each family.
    private(set) var doubts: [RuleSet.Family: String] = [:]

    private var blocks: [SavedTable] = []
    private var block: SavedTable?
    private var json: EmbeddedJSON?
    /// What the lines above tell of the next table.
    private var family: RuleSet.Family?
    private var backEnd = "default"
    private var lastLine = ""
    /// What iptables-nft-save says of rules that it doesn't list.
    private var warnings: [String] = []

    /// Reads a mail.
    ///
    /// - Throws: `RuleError` (`malformed`) where it holds no rules, or in a form that can't be read.
    init(_ text: [UInt8]) throws(RuleError) {
        for line in try MailedText.lines(text) { try read(line) }
        endBlock()
        if let json { end(json) }
        assign()
    }

    private mutating func read(_ line: ArraySlice<UInt8>) throws(RuleError) {
        if var open = json {
            json = nil
            let rest = open.append(line)
            if open.isOpen {
                json = open
            } else {
                end(open)
                if rest.first == UInt8(ascii: "{") { doubt(Self.twice, RuleSet.Family.allCases) }
                try examine(String(decoding: rest.prefix(400), as: UTF8.self))
            }
            return
        }
        if line.isEmpty { return }
        if block != nil {
            if line.elementsEqual("COMMIT".utf8) {
                block?.append(line)
                endBlock()
            } else if let name = Self.table(line) {
                endBlock()
                begin(name, line)
            } else {
                block?.append(line)
            }
            return
        }
        if let name = Self.table(line) { return begin(name, line) }
        if let start = EmbeddedJSON.start(line, after: lastLine) {
            json = EmbeddedJSON(isSplit: start.isSplit)
            lastLine = ""
            return try read(line[start.index...])
        }
        let text = String(decoding: line.prefix(400), as: UTF8.self)
        try examine(text)
        if let last = warnings.last, last == lastLine, !text.hasPrefix("#"), last.utf8.count < 200 {
            warnings[warnings.count - 1] += " " + text
        }
        lastLine = text
    }

    /// A line that is in no listing: a greeting, a comment, a prompt, or the sign of a form that is not read.
    private mutating func examine(_ text: String) throws(RuleError) {
        let words = text.split(separator: " ")
        guard let first = words.first else { return }
        switch first {
        case "#" where readComment(text): return
        case "table" where words.count > 2 && words.last == "{", "add" where words.count > 3 && words[1] == "table":
            throw MailedText.refusal("this is nft's listing for people; its JSON is needed")
        case "Chain" where text.contains("(policy ") || text.contains(" references)"):
            throw MailedText.refusal("this is what 'iptables -L' prints, which leaves out interfaces and more")
        case "-A", "-P", "-N", "COMMIT":
            throw MailedText.refusal("there are rules that don't say which table they are in")
        default: break
        }
        if first.hasPrefix("["), words.dropFirst().first == "-A" || words.dropFirst().first == "-P" {
            throw MailedText.refusal("there are rules that don't say which table they are in")
        }
        if first.hasPrefix(":"), words.count > 1, ["ACCEPT", "DROP", "-"].contains(words[1]) {
            throw MailedText.refusal("there are rules that don't say which table they are in")
        }
        let lowered = text.lowercased()
        if text.hasPrefix("<"), text.dropFirst().first.map({ $0.isLetter || $0 == "!" || $0 == "/" }) == true,
            !lowered.contains("@")
        {
            throw MailedText.refusal("this is HTML")
        }
        if lowered.hasPrefix("content-transfer-encoding:"),
            lowered.contains("base64") || lowered.contains("quoted-printable")
        {
            throw MailedText.refusal("this is a whole message, with its text encoded")
        }
        // What was typed above a listing: root@host:~# ip6tables-save -c
        let typed = words.prefix(4).drop { $0 == "sudo" || "#$%>".contains($0.last ?? "a") }.first ?? ""
        if typed.hasSuffix("iptables-save") || typed.hasSuffix("ip6tables-save") {
            let others = words.contains { $0.contains("tables-save") && !$0.hasPrefix(typed) }
            (family, backEnd) = (others ? nil : typed.contains("ip6") ? .ipv6 : .ipv4, "default")
        }
    }

    private static let twice = "nft's listing stands twice, and which one the kernel has can't be told"

    /// - Returns: whether it is one of the tools' own comments.
    private mutating func readComment(_ text: String) -> Bool {
        if text.hasPrefix("# Warning") || text.hasPrefix("# Table") {
            warnings.append(text)
            return true
        }
        if text.hasPrefix("# Completed") {
            (family, backEnd) = (nil, "default")
            return true
        }
        guard text.hasPrefix("# Generated by ") else { return false }
        let tool = text.dropFirst(15).prefix { $0 != " " }
        family = tool.hasPrefix("iptables") ? .ipv4 : tool.hasPrefix("ip6tables") ? .ipv6 : nil
        backEnd = text.contains("nf_tables") || tool.contains("nft") || tool.hasPrefix("xtables") ? "nft" : "legacy"
        return true
    }

    /// `*filter`: nothing else on the line, so that neither a list's star nor a word in bold is taken for it.
    private static func table(_ line: ArraySlice<UInt8>) -> String? {
        guard line.first == UInt8(ascii: "*"), (2...32).contains(line.count),
            line.dropFirst().allSatisfy({ (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) })
        else { return nil }
        return String(decoding: line.dropFirst(), as: UTF8.self)
    }

    private mutating func begin(_ name: String, _ line: ArraySlice<UInt8>) {
        block = SavedTable(name: name, family: family, backEnd: backEnd)
        block?.append(line)
        lastLine = ""
    }

    private mutating func endBlock() {
        block?.finish()
        if let block { blocks.append(block) }
        block = nil
    }

    private mutating func end(_ listing: EmbeddedJSON) {
        if parts["nft"] != nil { doubt(Self.twice, RuleSet.Family.allCases) }
        parts["nft"] = RuleListing.Part(bytes: listing.bytes)
    }

    private mutating func doubt(_ reason: String, _ families: [RuleSet.Family]) {
        for family in families where doubts[family] == nil { doubts[family] = reason }
    }

    /// Gives each table to its family.
    private mutating func assign() {
        var seen: [String: Set<String>] = [:]
        for block in blocks {
            let shown = block.evidence
            if block.family == nil, shown.isEmpty, block.isIdle { continue }
            if block.family == nil, shown.count != 1 {
                doubt(
                    "whether table \(block.name) is of IPv4 or of IPv6 can't be told: no line above it says so",
                    RuleSet.Family.allCases)
            } else if let told = block.family, !shown.isSubset(of: [told]) {
                doubt(
                    "table \(block.name) holds rules of the other family than the line above it says",
                    RuleSet.Family.allCases)
            }
            let family = block.family ?? (shown.count == 1 ? shown.first : nil) ?? .ipv4
            let tool = family == .ipv4 ? "iptables" : "ip6tables"
            // A packet passes the tables of both back ends; else there is but one of each name.
            let others = seen["\(tool) \(block.name)", default: []]
            if !others.isEmpty, others.union([block.backEnd]) != ["nft", "legacy"] || others.contains(block.backEnd) {
                let name = family == .ipv4 ? "IPv4" : "IPv6"
                doubt(
                    "table \(block.name) of \(name) stands twice, and which one the kernel has can't be told", [family])
            }
            seen["\(tool) \(block.name)", default: []].insert(block.backEnd)
            parts["\(tool) \(block.backEnd)", default: RuleListing.Part()].bytes += block.bytes
        }
        for warning in warnings {
            // Which tables of legacy there are it says, of nft's own it doesn't say the family.
            let isIPv6 = warning.contains("ip6tables-legacy")
            let hasIPv4 = parts["nft"] != nil || seen.keys.contains { $0.hasPrefix("iptables") }
            if !isIPv6, hasIPv4 {
                parts["iptables nft", default: RuleListing.Part()].bytes += Array((warning + "\n").utf8)
            }
            if isIPv6 || !warning.contains("iptables-legacy"), seen.keys.contains(where: { $0.hasPrefix("ip6") }) {
                parts["ip6tables nft", default: RuleListing.Part()].bytes += Array((warning + "\n").utf8)
            }
        }
    }
}
