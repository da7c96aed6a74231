/// What `iptables-nft-save` can say of a table as the kernel has it.
///
/// Rules that nft puts beside those of iptables it lists wrong and without a word: `tcp dport { 22, 23 } drop` as
/// `-p tcp -j DROP`, `ip daddr 10.0.0.1-10.0.0.5` as `-d 10.0.0.5`. Chains it does not know it leaves out. So a table
/// counts as iptables' own only where all that nft shows of it is what iptables itself writes.
enum IPTablesWords {
    /// The tables that iptables-nft keeps its rules in.
    static let tables = Set(Chain.Base.priorities.keys)

    /// Whether iptables means the same by a chain: its own ones have a fixed place, all others have none.
    static func canExpress(_ chain: Chain, of table: String) -> Bool {
        let own = Chain.Base(ofIPTables: table, chain: chain.name)
        return own?.hook == chain.base?.hook && own?.priority == chain.base?.priority
            && own?.translates == chain.base?.translates
    }

    /// Whether iptables would write a rule so.
    ///
    /// - Parameter statements: as libnftables-json(5) has them.
    static func canExpress(_ statements: [JSONValue]) -> Bool {
        statements.allSatisfy { statement in
            guard let (name, content) = statement.single else { return false }
            switch name {
            case "counter", "accept", "drop", "return", "jump", "goto", "xt", "limit", "log", "comment": return true
            case "match": return canExpress(match: content)
            default: return false
            }
        }
    }

    private static func canExpress(match: JSONValue) -> Bool {
        guard let left = match["left"], let right = match["right"], let (kind, detail) = left.single else {
            return false
        }
        // Beginnings and ends of ranges of ports are iptables' own too.
        let isPorts = kind == "payload" && ports.contains(name(kind, detail))
        guard (isPorts ? ["==", "!=", "<", "<=", ">", ">="] : ["==", "!="]).contains(match["op"]?.string) else {
            return false
        }
        switch kind {
        case "&":
            guard let field = detail.array?.first?.single else { return false }
            return masked.contains(name(field.name, field.content)) && isPlain(right)
        case "payload" where isPorts: return isPlain(right) || right["range"] != nil
        default: return plain.contains(name(kind, detail)) && isPlain(right)
        }
    }

    /// One value, or a prefix; flags are several, but one value.
    private static func isPlain(_ value: JSONValue) -> Bool {
        if let text = value.string { return !text.hasPrefix("@") }
        if let words = value["|"]?.array ?? value.array { return words.allSatisfy { $0.string != nil } }
        return value.integer(Int64.self) != nil || value["prefix"] != nil
    }

    private static func name(_ kind: String, _ detail: JSONValue) -> String {
        kind == "payload"
            ? "\(detail["protocol"]?.string ?? "") \(detail["field"]?.string ?? "")"
            : "\(kind) \(detail["key"]?.string ?? "")"
    }

    private static let ports: Set = ["tcp sport", "tcp dport", "udp sport", "udp dport"]
    private static let plain: Set = [
        "meta iifname", "meta oifname", "meta iif", "meta oif", "meta l4proto", "meta mark", "meta pkttype",
        "ip saddr", "ip daddr", "ip protocol", "ip ttl", "ip6 saddr", "ip6 daddr", "ip6 hoplimit",
        "icmp type", "icmp code", "icmpv6 type", "icmpv6 code",
    ]
    private static let masked: Set = [
        "ip saddr", "ip daddr", "ip6 saddr", "ip6 daddr", "ip frag-off", "tcp flags", "meta mark",
    ]
}

extension Chain.Base {
    /// Where the kernel runs a chain of iptables (`enum nf_ip_hook_priorities`); `nil` where the chain is a user's.
    init?(ofIPTables table: String, chain: String) {
        guard let hook = Self.hooks[chain], let priority = Self.priorities[table] else { return nil }
        self.init(hook: hook, priority: priority, translates: table == "nat", drops: nil)
        self.priority = place
    }

    fileprivate static let priorities = ["raw": -300, "mangle": -150, "nat": -100, "filter": 0, "security": 50]
    private static let hooks: [String: Chain.Hook] = [
        "PREROUTING": .prerouting, "INPUT": .input, "FORWARD": .forward, "OUTPUT": .output, "POSTROUTING": .postrouting,
    ]
}
