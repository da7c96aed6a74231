/// Turns the statements of one nft rule into conditions and a target.
struct NFTRule {
    private(set) var conditions: [Condition] = []
    private(set) var target = RuleTarget.continues
    private(set) var jump: (name: String, isGoto: Bool)?
    private(set) var packets: UInt64 = 0
    private(set) var bytes: UInt64 = 0

    private let family: RuleSet.Family
    private let families: NFTBytecode.Families
    private let namedSet: (String) -> NFTSet?
    private var isDecided = false
    private var showsFamily = false

    /// - Parameters:
    ///   - family: of the packets that the rule is read for.
    ///   - families: which the rule can match, whatever its statements show.
    ///   - namedSet: a set of the rule's table.
    init(family: RuleSet.Family, families: NFTBytecode.Families, namedSet: @escaping (String) -> NFTSet?) {
        self.family = family
        self.families = families
        self.namedSet = namedSet
        if case .only(let other) = families, other != family { never() }
    }

    mutating func read(_ statement: JSONValue) {
        if isDecided { return }
        guard let (name, content) = statement.single else { return decide(.notUnderstood) }
        switch name {
        case "match": readMatch(content)
        case "counter":
            packets = content["packets"]?.integer(UInt64.self) ?? 0
            bytes = content["bytes"]?.integer(UInt64.self) ?? 0
        case "log", "last": break
        case "limit", "quota", "ct count", "meter": add(.varying(name))
        // A set that is full, or has the element, ends the rule.
        case "set", "map": add(.varying("the set that it changes"))
        case "accept": decide(.accept)
        case "drop": decide(.drop)
        case "reject":
            // nft does not list the condition that the kind of answer implies.
            switch content["type"]?.string {
            case "icmp" where family == .ipv6, "icmpv6" where family == .ipv4: never()
            case "tcp reset":
                add(.transport([TransportProtocol.tcp]))
                if case .unknown = families, !showsFamily { add(.notUnderstood) }
            default: break
            }
            decide(.reject)
        case "return": decide(.leave)
        case "continue": isDecided = true
        case "jump", "goto":
            jump = (content["target"]?.string ?? "", name == "goto")
            isDecided = true
        case "snat", "masquerade":
            if let wanted = content["family"]?.string, wanted != (family == .ipv4 ? "ip" : "ip6") { never() }
            decide(.translateSource)
        case "dnat": translate(content)
        case "redirect":
            if content == .null {
                decide(.redirect(ports: nil))
            } else {
                decide(content["port"].flatMap(portRange).map { .redirect(ports: $0) } ?? .notUnderstood)
            }
        case "mangle":
            let key = content["key"]?["meta"]?["key"]?.string ?? content["key"]?["ct"]?["key"]?.string
            guard let key, ["mark", "nftrace", "priority"].contains(key) else { return decide(.notUnderstood) }
            // What is looked up for it may be missing, which ends the rule.
            if content["value"]?.isConstant != true { add(nil) }
        case "xt": readExtension(content)
        default: decide(.notUnderstood)
        }
    }

    private mutating func decide(_ target: RuleTarget) {
        self.target = target
        isDecided = true
    }

    private mutating func add(_ test: Condition.Test?, negated: Bool = false) {
        conditions.append(Condition(negated: negated && test != nil, test: test ?? .notUnderstood))
    }

    /// A rule that packets of this family never match.
    private mutating func never() {
        add(.transport([]))
    }

    /// A match or target of iptables, of which nft only knows the name.
    private mutating func readExtension(_ content: JSONValue) {
        let name = content["name"]?.string ?? ""
        if content["type"]?.string == "match" {
            if name != "comment" { add(RuleOptions.varyingModules[name] == nil ? .notUnderstood : .varying(name)) }
        } else if !["LOG", "NFLOG", "MARK", "CONNMARK", "TCPMSS", "CLASSIFY", "TOS", "DSCP", "TRACE"].contains(name) {
            decide(["MASQUERADE", "SNAT"].contains(name) ? .translateSource : .notUnderstood)
        }
    }

    private mutating func translate(_ content: JSONValue) {
        guard case .object(let members) = content, Set(members.keys).isSubset(of: ["addr", "port", "family", "flags"])
        else {
            return decide(.notUnderstood)
        }
        if let wanted = content["family"]?.string, wanted != (family == .ipv4 ? "ip" : "ip6") { never() }
        let addresses = content["addr"].map { values($0)?.addresses }
        let ports = content["port"].map { portRange($0) }
        if case .some(nil) = addresses { return decide(.notUnderstood) }
        if case .some(nil) = ports { return decide(.notUnderstood) }
        decide(.translateDestination(addresses.flatMap { $0 }, ports: ports.flatMap { $0 }))
    }

    // MARK: Matches

    /// What a match compares: the operator, what stands right of it, and the mask left of it.
    private struct Comparison {
        var op: String
        var right: JSONValue
        var mask: JSONValue?

        var negated: Bool { op == "!=" }
    }

    private mutating func readMatch(_ content: JSONValue) {
        guard let left = content["left"], let right = content["right"], let op = content["op"]?.string,
            var (kind, detail) = left.single
        else { return add(nil) }
        var comparison = Comparison(op: op, right: right)
        if kind == "&" {
            guard let sides = detail.array, sides.count == 2, let masked = sides[0].single else { return add(nil) }
            comparison.mask = sides[1]
            (kind, detail) = masked
        }
        switch (kind, detail.members) {
        case ("meta", ["key"]): readMeta(detail["key"]?.string ?? "", comparison)
        case ("payload", ["field", "protocol"]):
            readPayload(detail["protocol"]?.string ?? "", detail["field"]?.string ?? "", comparison)
        case ("ct", ["key"]): readConnection(detail["key"]?.string ?? "", comparison)
        case ("fib", ["flags", "result"]):
            let flags = detail["flags"].map { $0.array ?? [$0] }
            let isType = detail["result"]?.string == "type" && flags == [.string("daddr")]
            let isLocal = isType && right.string == "local" && isEquality(comparison)
            add(isLocal ? .destinationIsLocal : nil, negated: comparison.negated)
        default: add(nil)
        }
    }

    /// Whether a value, or one of a set, is compared as a whole.
    private func isEquality(_ comparison: Comparison) -> Bool {
        guard comparison.mask == nil else { return false }
        switch comparison.op {
        case "==", "!=": return true
        // Old versions of nft have this word for a set; for a value it would ask for its bits.
        case "in": return comparison.right["set"] != nil || comparison.right.string?.hasPrefix("@") == true
        default: return false
        }
    }

    private mutating func readMeta(_ key: String, _ comparison: Comparison) {
        guard isEquality(comparison) else { return add(nil) }
        let (right, negated) = (values(comparison.right), comparison.negated)
        switch key {
        case "iifname", "iif": add(right?.interfaces.map { .inInterface($0) }, negated: negated)
        case "oifname", "oif": add(right?.interfaces.map { .outInterface($0) }, negated: negated)
        case "l4proto": add(right?.transports.map { .transport($0) }, negated: negated)
        case "nfproto", "protocol":
            showsFamily = true
            // The family of packets itself, or the type that Ethernet has for it.
            let own = (key == "nfproto" ? ["ipv4", "ipv6"] : ["ip", "ip6"])[family == .ipv4 ? 0 : 1]
            guard let names = right?.elements.map(\.string), !names.contains(nil) else { return add(nil) }
            if names.contains(own) == negated { never() }
        default: add(nil)
        }
    }

    private mutating func readPayload(_ header: String, _ field: String, _ comparison: Comparison) {
        if header == "ip" || header == "ip6" { showsFamily = true }
        let negated = comparison.negated
        switch (header, field) {
        case ("ip", _) where family == .ipv6, ("ip6", _) where family == .ipv4: never()
        case ("ip", "saddr"), ("ip6", "saddr"): add(addresses(comparison).map { .source($0) }, negated: negated)
        case ("ip", "daddr"), ("ip6", "daddr"): add(addresses(comparison).map { .destination($0) }, negated: negated)
        case ("ip", "protocol"), ("ip6", "nexthdr"):
            let right = isEquality(comparison) ? values(comparison.right)?.transports : nil
            add(right.map { header == "ip" ? .transport($0) : .firstHeader($0) }, negated: negated)
        case ("tcp", "sport"), ("udp", "sport"), ("th", "sport"):
            require(header)
            add(ports(comparison).map { .sourcePorts($0) }, negated: negated)
        case ("tcp", "dport"), ("udp", "dport"), ("th", "dport"):
            require(header)
            add(ports(comparison).map { .destinationPorts($0) }, negated: negated)
        case ("tcp", "flags"):
            require(header)
            let found = bits(comparison, of: 0xff, TCPFlags.bit)
            add(found.map { .tcpFlags($0.test) }, negated: found?.negated == true)
        case ("icmp", "type"), ("icmpv6", "type"):
            require(header)
            let name = isEquality(comparison) ? comparison.right.string : nil
            add(name.flatMap { RuleValues.icmp($0, family: family) }, negated: negated)
        default: add(nil)
        }
    }

    /// The header must be there at all, also where its content is negated.
    private mutating func require(_ header: String) {
        if header != "th" { add(TransportProtocol.number(header).map { .transport([$0]) }) }
    }

    private mutating func readConnection(_ key: String, _ comparison: Comparison) {
        switch key {
        case "state":
            let found = bits(comparison, of: .max, ConnectionStates.stateBit)
            add(found.map { .states(ConnectionStates(where: $0.test, is: !$0.negated)) })
        case "status":
            let found = bits(comparison, of: .max, ConnectionStates.statusBit)
            add(found.map { .status($0.test, negated: $0.negated) })
        default: add(nil)
        }
    }

    // MARK: Values

    /// What a match compares with: a named set of the table, or the values that stand there.
    private func values(_ value: JSONValue) -> NFTSet? {
        if let name = value.string, name.hasPrefix("@") { return namedSet(String(name.dropFirst())) }
        return NFTSet(value["set"] ?? value, family: family)
    }

    /// How bits are compared: `in` asks for any of them and `!` for none, `==` for exactly these, a set for one of its members.
    ///
    /// - Parameters:
    ///   - comparison: what stands in the match.
    ///   - all: the bits that the number has.
    ///   - bit: tells the bit of a word.
    private func bits(
        _ comparison: Comparison, of all: UInt32, _ bit: (String) -> UInt32?
    ) -> (test: BitTest, negated: Bool)? {
        var mask = all
        if let word = comparison.mask {
            guard let number = NFTSet.bits(word, bit) else { return nil }
            mask &= number
        }
        switch comparison.op {
        case "in", "!":
            guard comparison.mask == nil, let number = NFTSet.bits(comparison.right, bit) else { return nil }
            return (BitTest(mask: number & all, values: [0]), comparison.op == "in")
        case "==", "!=":
            let isSet = comparison.right["set"] != nil || comparison.right.string?.hasPrefix("@") == true
            let members = isSet ? values(comparison.right)?.elements : [comparison.right]
            guard let members, members.count <= BitTest.maximumValues else { return nil }
            let numbers = members.compactMap { NFTSet.bits($0, bit) }
            return numbers.count == members.count ? (BitTest(mask: mask, values: numbers), comparison.negated) : nil
        default: return nil
        }
    }

    private func portRange(_ value: JSONValue) -> ClosedRange<UInt16>? {
        let ranges = NFTSet(value, family: family).ports?.ranges
        return ranges?.count == 1 ? ranges?.first : nil
    }

    private func ports(_ comparison: Comparison) -> PortSet? {
        if isEquality(comparison) { return values(comparison.right)?.ports }
        guard comparison.mask == nil, let range = portRange(comparison.right), range.count == 1 else { return nil }
        return Self.beyond(range.lowerBound, comparison.op, upTo: .max).map { PortSet($0) }
    }

    private func addresses(_ comparison: Comparison) -> AddressSet? {
        if isEquality(comparison) { return values(comparison.right)?.addresses }
        let right = NFTSet(comparison.right, family: family).addresses
        guard comparison.mask == nil, let address = right?.single(family) else { return nil }
        let last = AddressSet.all(family).hull?.upperBound ?? .max
        return Self.beyond(address.number, comparison.op, upTo: last).map { AddressSet($0) }
    }

    /// The numbers on one side of another one.
    private static func beyond<Number: FixedWidthInteger & UnsignedInteger>(
        _ number: Number, _ op: String, upTo last: Number
    ) -> [ClosedRange<Number>]? {
        switch op {
        case "<": number == 0 ? [] : [0...number - 1]
        case "<=": [0...number]
        case ">": number == last ? [] : [number + 1...last]
        case ">=": [number...last]
        default: nil
        }
    }
}
