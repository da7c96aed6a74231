/// What a listing tells of how the kernel treats packets beside its rules.
extension RuleListing {
    /// Fills in what the kernel was told about interfaces and routing, and what has to be assumed for want of a word.
    func describe(_ network: inout HostNetwork) {
        network.assumptions = []
        network.forwards = lines("forwarding").first?.first != "0"
        network.routesLoopback = lines("localnet").first?.first == "1"
        describeInterfaces(&network)
        describePolicy(&network)
        describePrograms(&network)
    }

    private func describeInterfaces(_ network: inout HostNetwork) {
        // Listings of older toolkits lack the last word.
        let words = lines("settings").filter { $0.count == 6 || $0.count == 7 }
        guard !words.isEmpty else {
            network.assumptions.append(
                "the listing does not tell what is forwarded by interface: taken for the same on all of them")
            return
        }
        let sourceCheck = Self.sourceCheck(words.first { $0[0] == "all" })
        for line in words {
            let name = String(line[0])
            if name == "all" {
                network.forwardsIPv6 = line[3] != "0"
                network.routesLoopback = line[2] == "1"
            } else {
                // What can't be read is taken for open.
                network.settings[name] = InterfaceSettings(
                    forwards: line[1] != "0", routesLoopback: line[2] == "1", forcesIPv6Forwarding: line[4] == "1",
                    refusesIPv6: line[5] == "1",
                    checksSources: max(sourceCheck, Self.sourceCheck(line)) == 1)
            }
        }
    }

    /// `rp_filter`, of which the higher counts, the interface's or that of all (`IN_DEV_RPFILTER`); 1 alone is strict.
    private static func sourceCheck(_ line: [Substring]?) -> Int {
        line.flatMap { $0.count > 6 ? Int($0[6]) : nil } ?? 0
    }

    // MARK: Policy routing

    /// The rules that every kernel makes (`ip-rule(8)`).
    private static let standardPolicy: [RuleSet.Family: [String]] = [
        .ipv4: ["0: from all lookup local", "32766: from all lookup main", "32767: from all lookup default"],
        .ipv6: ["0: from all lookup local", "32766: from all lookup main"],
    ]

    private func describePolicy(_ network: inout HostNetwork) {
        var isTold = true
        for (family, name) in [(RuleSet.Family.ipv4, "policy4"), (.ipv6, "policy6")] {
            let rules = lines(name).map { $0.joined(separator: " ") }
            // A kernel without IPv6 has no such rules, and no IPv6 either.
            guard let part = parts[name], part.status == 0 || family == .ipv6 else {
                isTold = false
                continue
            }
            let standard = Self.standardPolicy[family] ?? []
            if part.status == 0, rules != standard {
                let odd = rules.first { !standard.contains($0) }
                let gone = standard.first { !rules.contains($0) }
                network.policyRouting[family] =
                    odd.map { "where packets go hangs on a rule of policy routing, ip rule \($0)" }
                    ?? "where packets go is not known: the rule of policy routing is gone, or elsewhere, "
                    + (gone ?? standard.joined(separator: ", "))
                network.localComesFirst = network.localComesFirst && rules.first == standard.first
            }
        }
        if !isTold {
            network.assumptions.append("the listing holds no rules of policy routing: there are taken to be none")
        }
    }

    // MARK: Programs before the rules

    private func describePrograms(_ network: inout HostNetwork) {
        var missing: [String] = []
        if parts["devices"]?.status == 0 {
            var name = ""
            for words in lines("devices") {
                // NUMBER: NAME: <FLAGS> mtu N xdp …, and behind it indented lines, one `prog/xdp id N`.
                let isHead = words.count > 2 && words[0].last == ":" && words[2].first == "<"
                if isHead { name = String(words[1].prefix { $0 != "@" && $0 != ":" }) }
                let isProgram =
                    isHead ? words.dropFirst(3).contains { Self.programWords.contains($0) } : words[0] == "prog/xdp"
                if isProgram {
                    network.foreignPrograms[name] = "a program (XDP) sees what comes in by \(name) before the rules do"
                }
            }
        } else {
            missing.append("XDP")
        }
        if parts["filters"]?.status == 0 {
            for words in lines("filters") where words.count == 2 {
                let name = String(words[0])
                network.foreignPrograms[name] =
                    words[1] == "ingress"
                    ? "a filter of tc sees what comes in by \(name) before the rules do"
                    : "a filter of tc sees what leaves by \(name) after the rules"
            }
        } else {
            missing.append("filters of tc")
        }
        if !missing.isEmpty {
            network.assumptions.append(
                "the listing does not tell of programs before the rules (\(missing.joined(separator: ", "))): "
                    + "there are taken to be none")
        }
    }

    private static let programWords: Set<Substring> = ["xdp", "xdpgeneric", "xdpdrv", "xdpoffload", "xdpmulti"]
}
