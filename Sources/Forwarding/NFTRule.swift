import Core

/// Turns the statements of one nft rule into conditions and a target.
struct NFTRule {
    private(set) var conditions: [Condition] = []
    private(set) var target = Target.continues
    private(set) var jump: (name: String, isGoto: Bool)?
    private(set) var packets: UInt64 = 0
    private(set) var bytes: UInt64 = 0

    private let family: RuleSet.Family
    private let families: NFTBytecode.Families
    private let namedSet: (String) -> [JSONValue]?
    private var isDecided = false
    private var showsFamily = false

    /// - Parameters:
    ///   - family: of the packets that the rule is read for.
    ///   - families: which the rule can match, whatever its statements show.
    ///   - namedSet: the elements of a set of the rule's table.
    init(family: RuleSet.Family, families: NFTBytecode.Families, namedSet: @escaping (String) -> [JSONValue]?) {
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
        case "log", "comment": break
        case "limit", "quota", "ct count": add(.notUnderstood)
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
                decide(content["port"].flatMap(ports)?.ranges.first.map { .redirect(ports: $0) } ?? .notUnderstood)
            }
        case "mangle":
            let key = content["key"]?["meta"]?["key"]?.string ?? content["key"]?["ct"]?["key"]?.string
            if key != "mark" { decide(.notUnderstood) }
        case "xt": readExtension(content)
        default: decide(.notUnderstood)
        }
    }

    private mutating func decide(_ target: Target) {
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
            if name != "comment" { add(.notUnderstood) }
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
        let addresses = content["addr"].map { self.addresses($0) }
        let ports = content["port"].map { self.ports($0) }
        if case .some(nil) = addresses { return decide(.notUnderstood) }
        if case .some(nil) = ports { return decide(.notUnderstood) }
        decide(.translateDestination(addresses.flatMap { $0 }, ports: ports.flatMap { $0?.ranges.first }))
    }

    // MARK: Matches

    private mutating func readMatch(_ content: JSONValue) {
        guard let left = content["left"], let right = content["right"], let op = content["op"]?.string,
            ["==", "!=", "in"].contains(op), let (kind, detail) = left.single
        else { return add(nil) }
        let negated = op == "!="
        switch kind {
        case "meta": readMeta(detail["key"]?.string ?? "", right, negated)
        case "payload": readPayload(detail["protocol"]?.string ?? "", detail["field"]?.string ?? "", right, negated, op)
        case "ct": readConnection(detail["key"]?.string ?? "", right, negated)
        case "&": readMasked(detail.array ?? [], right, negated, op)
        case "fib":
            let isType = detail["result"]?.string == "type" && detail["flags"] == .array([.string("daddr")])
            add(isType && right.string == "local" ? .destinationIsLocal : nil, negated: negated)
        default: add(nil)
        }
    }

    private mutating func readMeta(_ key: String, _ right: JSONValue, _ negated: Bool) {
        switch key {
        case "iifname", "oifname", "iif", "oif":
            // A set of names would be several conditions of which one must hold: only one name is understood.
            let pattern = right.string.flatMap { name in
                name.hasPrefix("@") ? nil : InterfacePattern(name.hasSuffix("*") ? name.dropLast() + "+" : name)
            }
            add(pattern.map { key.hasPrefix("i") ? .inInterface($0) : .outInterface($0) }, negated: negated)
        case "l4proto": add(transports(right).map { .transport($0) }, negated: negated)
        case "nfproto", "protocol":
            showsFamily = true
            // The family of packets itself, or the type that Ethernet has for it.
            let own = (key == "nfproto" ? ["ipv4", "ipv6"] : ["ip", "ip6"])[family == .ipv4 ? 0 : 1]
            guard let names = elements(right)?.map(\.string), !names.contains(nil) else { return add(nil) }
            if names.contains(own) == negated { never() }
        default: add(nil)
        }
    }

    private mutating func readPayload(
        _ header: String, _ field: String, _ right: JSONValue, _ negated: Bool, _ op: String
    ) {
        if header == "ip" || header == "ip6" { showsFamily = true }
        switch (header, field) {
        case ("ip", _) where family == .ipv6, ("ip6", _) where family == .ipv4: never()
        case ("ip", "saddr"), ("ip6", "saddr"): add(addresses(right).map { .source($0) }, negated: negated)
        case ("ip", "daddr"), ("ip6", "daddr"): add(addresses(right).map { .destination($0) }, negated: negated)
        case ("ip", "protocol"), ("ip6", "nexthdr"): add(transports(right).map { .transport($0) }, negated: negated)
        case ("tcp", "sport"), ("udp", "sport"), ("th", "sport"):
            require(header)
            add(ports(right).map { .sourcePorts($0) }, negated: negated)
        case ("tcp", "dport"), ("udp", "dport"), ("th", "dport"):
            require(header)
            add(ports(right).map { .destinationPorts($0) }, negated: negated)
        case ("tcp", "flags"):
            require(header)
            // `in` asks for any of the flags, `==` for exactly these.
            let flags = flags(right)
            if op == "in", let flags, flags.nonzeroBitCount == 1 {
                add(.tcpFlags(mask: flags, set: flags))
            } else {
                add(op == "in" ? nil : flags.map { .tcpFlags(mask: 0xff, set: $0) }, negated: negated)
            }
        case ("icmp", "type"), ("icmpv6", "type"):
            require(header)
            add(right.string.flatMap { RuleValues.icmp($0, family: family) }, negated: negated)
        default: add(nil)
        }
    }

    /// The header must be there at all, also where its content is negated.
    private mutating func require(_ header: String) {
        if header != "th" { add(TransportProtocol.number(header).map { .transport([$0]) }) }
    }

    private mutating func readConnection(_ key: String, _ right: JSONValue, _ negated: Bool) {
        let words = (right["set"]?.array ?? right.array ?? [right]).compactMap(\.string)
        let known: Set = key == "state" ? ["new", "established", "related", "invalid", "untracked"] : ["snat", "dnat"]
        guard key == "state" || key == "status", !words.isEmpty, known.isSuperset(of: words) else { return add(nil) }
        add(ConnectionStates(words: words).map { .states($0) }, negated: negated)
    }

    /// `tcp flags & (fin | syn | rst | ack) == syn`
    private mutating func readMasked(_ sides: [JSONValue], _ right: JSONValue, _ negated: Bool, _ op: String) {
        guard sides.count == 2, op != "in", sides[0]["payload"]?["protocol"]?.string == "tcp",
            sides[0]["payload"]?["field"]?.string == "flags", let mask = flags(sides[1]), let set = flags(right)
        else { return add(nil) }
        require("tcp")
        add(.tcpFlags(mask: mask, set: set), negated: negated)
    }

    // MARK: Values

    private func flags(_ value: JSONValue) -> UInt8? {
        if let number = value.integer(UInt8.self) { return number }
        let words = value["|"]?.array ?? value.array ?? [value]
        return TCPFlags.named(words.map { $0.string ?? "?" }.joined(separator: ","))
    }

    private func transports(_ value: JSONValue) -> [UInt8]? {
        var found: [UInt8] = []
        for element in elements(value) ?? [] {
            guard let number = element.integer(UInt8.self) ?? element.string.flatMap({ TransportProtocol.number($0) })
            else {
                return nil
            }
            found.append(number)
        }
        return found.isEmpty ? nil : found
    }

    /// The members of a set, named or not, or the value itself.
    private func elements(_ value: JSONValue) -> [JSONValue]? {
        let list: [JSONValue]?
        if let name = value.string, name.hasPrefix("@") {
            list = namedSet(String(name.dropFirst()))
        } else {
            list = value["set"].map { $0.array ?? [$0] } ?? [value]
        }
        return list?.map { $0["elem"]?["val"] ?? $0 }
    }

    private func ports(_ value: JSONValue) -> PortSet? {
        var ranges: [ClosedRange<UInt16>] = []
        guard let elements = elements(value) else { return nil }
        for element in elements {
            let ends = (element["range"]?.array ?? [element]).map { $0.integer(UInt16.self) }
            guard let first = ends.first.flatMap({ $0 }), let last = ends.last.flatMap({ $0 }), first <= last else {
                return nil
            }
            ranges.append(first...last)
        }
        return PortSet(ranges)
    }

    private func addresses(_ value: JSONValue) -> AddressSet? {
        var ranges: [ClosedRange<UInt128>] = []
        guard let elements = elements(value) else { return nil }
        for element in elements {
            if let prefix = element["prefix"], let text = prefix["addr"]?.string,
                let length = prefix["len"]?.integer(Int.self),
                let network = CIDR("\(text)/\(length)"), network.address.family == family
            {
                ranges.append(network.range)
                continue
            }
            let ends = (element["range"]?.array ?? [element]).map { $0.string.flatMap { IPAddress($0) } }
            guard let first = ends.first.flatMap({ $0 }), let last = ends.last.flatMap({ $0 }), first.family == family,
                last.family == family, first.number <= last.number
            else { return nil }
            ranges.append(first.number...last.number)
        }
        return AddressSet(ranges)
    }
}
