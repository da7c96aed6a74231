import Platform

extension RuleSet {
    /// Reads what `nft -j list ruleset` printed, for both families (libnftables-json(5)).
    ///
    /// Prefer `iptables-save` for rules that iptables made: here they are in good part opaque, and so `unknown`. Rules of
    /// nft itself are read: addresses, ports, interfaces, sets, ranges, `ct state`, `dnat to` and `redirect to`.
    ///
    /// - Parameters:
    ///   - text: the listing; anything else leaves ``doubts``.
    ///   - bytecode: what `nft --debug=netlink list ruleset inet` printed, without which some rules can't be understood.
    ///   - isWhole: whether sets without elements are empty; `nft --terse` leaves the elements out, and doesn't say so.
    public static func fromNFT(
        _ text: [UInt8], bytecode: [UInt8] = [], isWhole: Bool = true
    ) -> (ipv4: RuleSet, ipv6: RuleSet) {
        let code = NFTBytecode(bytecode.count <= ListingLimits.bytes ? bytecode : [])
        var parsers = (
            NFTParser(family: .ipv4, bytecode: code, isWhole: isWhole),
            NFTParser(family: .ipv6, bytecode: code, isWhole: isWhole)
        )
        guard text.count <= ListingLimits.bytes, let objects = JSONValue(text)?["nftables"]?.array else {
            parsers.0.rules.doubt("the listing is not JSON of nft's")
            parsers.1.rules.doubt("the listing is not JSON of nft's")
            return (parsers.0.rules, parsers.1.rules)
        }
        parsers.0.read(objects)
        parsers.1.read(objects)
        return (parsers.0.rules, parsers.1.rules)
    }
}

/// The state of reading an nft listing for packets of one family.
private struct NFTParser {
    var rules: RuleSet
    private var tables: [String: Int] = [:]
    private var sets: [String: NFTSet] = [:]
    private var chainCount = 0
    private var ruleCount = 0
    private var dormant: Set<Int> = []
    private var known: Set<String> = []
    private let bytecode: NFTBytecode
    private let isWhole: Bool

    init(family: RuleSet.Family, bytecode: NFTBytecode, isWhole: Bool) {
        rules = RuleSet(family: family)
        self.bytecode = bytecode
        self.isWhole = isWhole
    }

    /// What stands in a table and decides about no packet, or only by the rules that use it.
    private static let bystanders: Set<String> = [
        "counter", "quota", "limit", "map", "meter", "flowtable", "ct helper", "ct timeout", "ct expectation",
        "synproxy",
        "secmark", "tunnel",
    ]
    private static let families: Set<String> = ["ip", "ip6", "inet", "arp", "bridge", "netdev"]

    /// Whether an object is in a table that sees packets of this family.
    private func concerns(_ object: JSONValue) -> Bool {
        let family = object["family"]?.string
        return family == "inet" || family == (rules.family == .ipv4 ? "ip" : "ip6")
    }

    private func key(_ object: JSONValue, _ name: String?) -> String {
        "\(object["family"]?.string ?? "") \(name ?? "")"
    }

    /// Chains and sets come first: rules refer to those that are listed further down.
    mutating func read(_ objects: [JSONValue]) {
        if objects.isEmpty { rules.doubt("the listing is empty; nft's own never is") }
        for object in objects {
            guard let (kind, content) = object.single else {
                rules.doubt("the listing holds what is not an object of nft's: \(object.text.prefix(40))")
                continue
            }
            if kind == "metainfo" { continue }
            guard Self.families.contains(content["family"]?.string ?? "") else {
                rules.doubt("a \(kind.prefix(20)) is of no family that is known")
                continue
            }
            guard concerns(content) else { continue }
            switch kind {
            case "table": addTable(content)
            case "chain": addChain(content)
            case "set": addSet(content)
            case "rule": break
            default:
                if !Self.bystanders.contains(kind) { rules.doubt("a '\(kind.prefix(20))' of nft is not known") }
            }
        }
        for object in objects {
            guard let (kind, content) = object.single else { continue }
            if kind == "rule", concerns(content) {
                addRule(content)
            } else if kind == "rule" || content["policy"]?.string == "drop",
                let family = content["family"]?.string, ["netdev", "bridge"].contains(family)
            {
                rules.doubt("rules of the family \(family) see packets first")
            }
        }
        rules.finish()
    }

    private mutating func addSet(_ content: JSONValue) {
        let name = key(content, content["table"]?.string) + " " + (content["name"]?.string ?? "")
        if known.insert("set " + name).inserted == false {
            rules.doubt("a set stands twice in one table: \(content["name"]?.string?.prefix(40) ?? "")")
        }
        let elements = content["elem"] ?? (isWhole ? .array([]) : nil)
        sets[name] = elements.map { NFTSet($0, family: rules.family) }
    }

    private mutating func addTable(_ content: JSONValue) {
        guard rules.tables.count < ListingLimits.tables, let name = content["name"]?.string else {
            return rules.doubt("there are more than \(ListingLimits.tables) tables")
        }
        let number = rules.tables.count
        guard tables[key(content, name)] == nil else {
            return rules.doubt("table \(name.prefix(40)) stands twice in the listing")
        }
        tables[key(content, name)] = number
        rules.tables.append(FilterTable(name: name))
        let isNamedSo = content["family"]?.string != "inet" && IPTablesWords.tables.contains(name)
        if isNamedSo { rules.tables[number].origin = .iptables }
        guard let flags = content["flags"].map({ $0.array ?? [$0] })?.map(\.string) else { return }
        if flags.contains("dormant") {
            dormant.insert(number)
            markNotExpressible(number)
        } else if !flags.allSatisfy({ ["owner", "persist"].contains($0) }) {
            // nft 1.0.6 puts any piece of its memory there.
            rules.doubt("table \(name) may be asleep: its flags can't be read")
        }
    }

    /// Notes that a table holds what iptables-nft-save can't say.
    private mutating func markNotExpressible(_ table: Int) {
        if rules.tables[table].origin == .iptables { rules.tables[table].origin = .notExpressibleByIPTables }
    }

    private mutating func addChain(_ content: JSONValue) {
        guard let name = content["name"]?.string, let table = tables[key(content, content["table"]?.string)],
            chainCount < ListingLimits.chains
        else { return rules.doubt("a chain is in no table") }
        guard rules.tables[table].index[name] == nil else {
            return rules.doubt("chain \(name.prefix(40)) stands twice in its table")
        }
        chainCount += 1
        var chain = Chain(name: name)
        if let word = content["hook"]?.string {
            let hooks: [String: Chain.Hook] = [
                "prerouting": .prerouting, "input": .input, "forward": .forward, "output": .output,
                "postrouting": .postrouting,
            ]
            guard let hook = hooks[word] else {
                return rules.doubt("a chain at the hook '\(word.prefix(20))' is not understood")
            }
            guard let priority = content["prio"]?.integer(Int32.self), let type = content["type"]?.string,
                ["filter", "nat", "route"].contains(type)
            else {
                return rules.doubt("where chain \(name.prefix(40)) stands is not understood")
            }
            let drops: Bool? = ["accept": false, "drop": true][content["policy"]?.string ?? "accept"]
            chain.base = Chain.Base(hook: hook, priority: Int(priority), translates: type == "nat", drops: drops)
        }
        if !IPTablesWords.canExpress(chain, of: rules.tables[table].name) { markNotExpressible(table) }
        // The kernel does not enter a table that sleeps.
        if dormant.contains(table) { chain.base = nil }
        rules.tables[table].index[name] = rules.tables[table].chains.count
        rules.tables[table].chains.append(chain)
    }

    private mutating func addRule(_ content: JSONValue) {
        guard let table = tables[key(content, content["table"]?.string)],
            let chain = rules.tables[table].index[content["chain"]?.string ?? ""], ruleCount < ListingLimits.rules
        else { return rules.doubt("a rule is in no chain") }
        ruleCount += 1
        let statements = content["expr"]?.array ?? []
        let prefix = key(content, content["table"]?.string) + " "
        var reader = NFTRule(family: rules.family, families: families(content)) { [sets] name in sets[prefix + name] }
        for statement in statements { reader.read(statement) }
        var rule = Rule(text: String(JSONValue.array(statements).text.prefix(500)))
        rule.packets = reader.packets
        rule.bytes = reader.bytes
        rule.conditions = reader.conditions
        rule.target = reader.target
        if let (name, isGoto) = reader.jump {
            rule.target = rules.tables[table].index[name].map { isGoto ? .goTo($0) : .jump($0) } ?? .notUnderstood
        }
        rule.notExpressibleByIPTables = !IPTablesWords.canExpress(statements)
        if rule.notExpressibleByIPTables { markNotExpressible(table) }
        rules.tables[table].chains[chain].rules.append(rule)
    }
    /// Which packets a rule of this family's tables can match, whatever it shows.
    private func families(_ content: JSONValue) -> NFTBytecode.Families {
        guard content["family"]?.string == "inet" else { return .both }
        return bytecode.families(
            table: content["table"]?.string ?? "", chain: content["chain"]?.string ?? "",
            handle: content["handle"]?.integer(Int.self) ?? 0)
    }
}
