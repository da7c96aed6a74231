import Platform

/// Turns the words of one rule into conditions and a target, after the manual page iptables-extensions(8).
///
/// It trusts only what it knows whole. From the first word it doesn't know on, nothing but the target is taken over: an
/// unknown option's value may look like a known option, and a condition read from it could hide the rule.
struct RuleOptions {
    private(set) var conditions: [Condition] = []
    private(set) var target = RuleTarget.continues
    /// The name after `-j` or `-g`, where it is no target of the kernel's.
    private(set) var jump: (name: String, isGoto: Bool)?

    private let family: RuleSet.Family
    private var modules: Set<String> = []
    private var targetName = ""
    private var isLost = false
    private var targetIsLost = false
    private var destinations: [String] = []
    private var redirectPorts: String?

    init(family: RuleSet.Family) {
        self.family = family
    }

    private static let knownModules: Set<String> = [
        "tcp", "udp", "icmp", "icmp6", "icmpv6", "ipv6-icmp", "multiport", "state", "conntrack", "comment", "iprange",
        "addrtype",
    ]
    /// Matches that hang on the time or on what came before, with their options and how many words each takes.
    static let varyingModules: [String: [String: Int]] = [
        "limit": ["--limit": 1, "--limit-burst": 1],
        "hashlimit": [
            "--hashlimit": 1, "--hashlimit-upto": 1, "--hashlimit-above": 1, "--hashlimit-burst": 1,
            "--hashlimit-mode": 1, "--hashlimit-srcmask": 1, "--hashlimit-dstmask": 1, "--hashlimit-name": 1,
            "--hashlimit-htable-size": 1, "--hashlimit-htable-max": 1, "--hashlimit-htable-expire": 1,
            "--hashlimit-htable-gcinterval": 1, "--hashlimit-rate-match": 0, "--hashlimit-rate-interval": 1,
        ],
        "recent": [
            "--set": 0, "--rcheck": 0, "--update": 0, "--remove": 0, "--seconds": 1, "--reap": 0, "--hitcount": 1,
            "--rttl": 0, "--name": 1, "--mask": 1, "--rsource": 0, "--rdest": 0,
        ],
        "quota": ["--quota": 1],
        "connlimit": [
            "--connlimit-upto": 1, "--connlimit-above": 1, "--connlimit-mask": 1, "--connlimit-saddr": 0,
            "--connlimit-daddr": 0,
        ],
        "connbytes": ["--connbytes": 1, "--connbytes-dir": 1, "--connbytes-mode": 1],
        "statistic": ["--mode": 1, "--probability": 1, "--every": 1, "--packet": 1],
    ]

    /// Targets after which the next rule is tried, and which change nothing that a route or a verdict hangs on.
    private static let continuingTargets: Set<String> = [
        "LOG", "NFLOG", "ULOG", "MARK", "CONNMARK", "TOS", "DSCP", "TCPMSS", "CLASSIFY", "CHECKSUM", "TRACE", "AUDIT",
        "SECMARK", "CONNSECMARK", "LED",
    ]
    /// Options of the continuing targets whose value may begin with a dash.
    private static let textOptions: Set<String> = [
        "--log-prefix", "--nflog-prefix", "--ulog-prefix", "--led-trigger-id",
    ]

    mutating func read(_ tokens: ArraySlice<RuleToken>) {
        var rest = tokens
        var negated = false
        while let token = rest.popFirst() {
            if token.text == "!", !token.isQuoted {
                negated = true
                continue
            }
            if token.isQuoted || !token.text.hasPrefix("-") {
                // The value of an option that was not known, or a stray word.
                lose()
                continue
            }
            if rest.first?.text == "!", rest.first?.isQuoted == false, token.text != "-j", token.text != "-g" {
                negated = true
                rest.removeFirst()
            }
            readOption(token.text, negated: negated, &rest)
            negated = false
        }
        finishTarget()
    }

    private mutating func lose() {
        if Self.continuingTargets.contains(targetName) { return }
        if !isLost { conditions.append(Condition(test: .notUnderstood)) }
        isLost = true
        if !targetName.isEmpty { targetIsLost = true }
    }

    private mutating func add(_ test: Condition.Test?, _ negated: Bool) {
        guard !isLost else { return }
        guard let test, conditions.count < 64 else { return lose() }
        conditions.append(Condition(negated: negated, test: test))
    }

    private mutating func readOption(_ option: String, negated: Bool, _ rest: inout ArraySlice<RuleToken>) {
        func value(_ rest: inout ArraySlice<RuleToken>) -> String { rest.popFirst()?.text ?? "" }
        switch option {
        case "-j", "--jump", "-g", "--goto":
            targetName = value(&rest)
            targetIsLost = false
            jump = nil
            if option == "-g" || option == "--goto" { jump = (targetName, true) }
        case _ where isLost:
            if targetName.isEmpty || !readTargetOption(option, &rest) { lose() }
        case "-i", "--in-interface": add(InterfacePattern(value(&rest)).map { .inInterface([$0]) }, negated)
        case "-o", "--out-interface": add(InterfacePattern(value(&rest)).map { .outInterface([$0]) }, negated)
        case "-s", "--source", "--src": add(addresses(value(&rest)).map { .source($0) }, negated)
        case "-d", "--destination", "--dst": add(addresses(value(&rest)).map { .destination($0) }, negated)
        case "-f", "--fragment": add(.fragment, negated)
        case "-p", "--protocol":
            let name = value(&rest)
            if name == "all" || name == "0" {
                if negated { lose() }
            } else {
                modules.insert(name)
                add(TransportProtocol.number(name).map { .transport([$0]) }, negated)
            }
        case "-m", "--match":
            let name = value(&rest)
            if Self.varyingModules[name] != nil {
                if modules.insert(name).inserted { add(.varying(name), false) }
            } else if Self.knownModules.contains(name) {
                modules.insert(name)
            } else {
                lose()
            }
        default:
            if readMatch(option, negated: negated, &rest) { break }
            if readTargetOption(option, &rest) { break }
            if let count = modules.lazy.compactMap({ Self.varyingModules[$0]?[option] }).first {
                rest = rest.dropFirst(count)
            } else {
                lose()
            }
        }
    }

    /// The matches of which one must be loaded for an option to mean what is taken from it.
    private static let owners: [String: Set<String>] = {
        let ports: Set = ["tcp", "udp"]
        return [
            "--sport": ports, "--source-port": ports, "--dport": ports, "--destination-port": ports,
            "--sports": ["multiport"], "--source-ports": ["multiport"], "--dports": ["multiport"],
            "--destination-ports": ["multiport"], "--ports": ["multiport"], "--syn": ["tcp"], "--tcp-flags": ["tcp"],
            "--icmp-type": ["icmp"], "--icmpv6-type": ["icmp6", "icmpv6", "ipv6-icmp"], "--state": ["state"],
            "--ctstate": ["conntrack"], "--comment": ["comment"], "--src-range": ["iprange"],
            "--dst-range": ["iprange"], "--dst-type": ["addrtype"], "--ctdir": ["conntrack"],
        ]
    }()

    /// - Returns: whether the option belongs to a match that the rule loads.
    private mutating func readMatch(_ option: String, negated: Bool, _ rest: inout ArraySlice<RuleToken>) -> Bool {
        guard let owners = Self.owners[option], !modules.isDisjoint(with: owners) else { return false }
        if option == "--syn" {
            add(.tcpFlags(BitTest(mask: UInt32(TCPFlags.opening), values: [UInt32(TCPFlags.syn)])), negated)
            return true
        }
        let value = rest.popFirst()?.text ?? ""
        switch option {
        case "--sport", "--source-port", "--sports", "--source-ports":
            add(RuleValues.ports(value).map { .sourcePorts($0) }, negated)
        case "--dport", "--destination-port", "--dports", "--destination-ports":
            add(RuleValues.ports(value).map { .destinationPorts($0) }, negated)
        case "--ports": add(RuleValues.ports(value).map { .anyPorts($0) }, negated)
        case "--tcp-flags":
            let mask = TCPFlags.named(value)
            let set = TCPFlags.named(rest.popFirst()?.text ?? "")
            if let mask, let set {
                add(.tcpFlags(BitTest(mask: UInt32(mask), values: [UInt32(set)])), negated)
            } else {
                add(nil, negated)
            }
        case "--icmp-type", "--icmpv6-type": add(RuleValues.icmp(value, family: family), negated)
        case "--state", "--ctstate":
            add(ConnectionStates(words: value.split(separator: ",")).map { .states($0) }, negated)
        case "--src-range": add(RuleValues.range(value, family: family).map { .source($0) }, negated)
        case "--dst-range": add(RuleValues.range(value, family: family).map { .destination($0) }, negated)
        case "--dst-type": add(value == "LOCAL" ? .destinationIsLocal : nil, negated)
        case "--ctdir": addDirection(value, negated)
        default: break
        }
        return true
    }

    /// Only a packet of a connection has a direction, negated or not (`conntrack_mt` in xt_conntrack.c).
    private mutating func addDirection(_ value: String, _ negated: Bool) {
        let others: ConnectionStates = [.invalid, .untracked]
        let isOdd = conditions.contains {
            guard case .states(let states) = $0.test else { return false }
            return $0.negated || !states.isDisjoint(with: others)
        }
        guard !isOdd, value == "REPLY" || value == "ORIGINAL" else { return add(nil, negated) }
        add(.states(others), true)
        add(.states(.reply), negated != (value == "ORIGINAL"))
    }

    private func addresses(_ text: String) -> AddressSet? {
        RuleValues.network(text).flatMap { $0.address.family == family ? AddressSet($0) : nil }
    }

    /// - Returns: whether the option belongs to the rule's target.
    private mutating func readTargetOption(_ option: String, _ rest: inout ArraySlice<RuleToken>) -> Bool {
        switch (targetName, option) {
        case ("DNAT", "--to-destination"): destinations.append(rest.popFirst()?.text ?? "")
        case ("REDIRECT", "--to-ports"): redirectPorts = rest.popFirst()?.text ?? ""
        case ("DNAT", "--random"), ("DNAT", "--persistent"), ("REDIRECT", "--random"): break
        case ("REJECT", "--reject-with"), ("SNAT", "--to-source"), ("MASQUERADE", "--to-ports"): _ = rest.popFirst()
        case ("SNAT", _), ("MASQUERADE", _):
            return ["--random", "--random-fully", "--persistent"].contains(option)
        case (let name, _) where Self.continuingTargets.contains(name):
            if Self.textOptions.contains(option) { _ = rest.popFirst() }
        default: return false
        }
        return true
    }

    private mutating func finishTarget() {
        switch targetName {
        case _ where jump != nil: break
        case "": break
        case "ACCEPT": target = .accept
        case "DROP": target = .drop
        case "RETURN": target = .leave
        case "REJECT": target = .reject
        case "SNAT", "MASQUERADE": target = .translateSource
        case "DNAT":
            let wanted = destinations.count == 1 ? RuleValues.translation(destinations[0], family: family) : nil
            target = wanted.map { .translateDestination($0.addresses, ports: $0.ports) } ?? .notUnderstood
        case "REDIRECT":
            if let text = redirectPorts {
                target = RuleValues.portRange(text, separator: "-").map { .redirect(ports: $0) } ?? .notUnderstood
            } else {
                target = .redirect(ports: nil)
            }
        case _ where Self.continuingTargets.contains(targetName): target = .continues
        default: jump = (targetName, false)
        }
        if targetIsLost {
            jump = nil
            target = .notUnderstood
        }
    }
}
