import Forwarding

/// Makes small rule sets in nft's own language, for both families at once.
struct RandomNFT {
    var random: Seeded

    init(_ random: Seeded) {
        self.random = random
    }

    mutating func text() -> String {
        var lines = [
            "table inet t {", "set some { type inet_service; flags interval; elements = { 22, 2000-2002 } }",
            "set hosts { type ipv4_addr; elements = { 10.0.3.2, 10.0.3.4, 10.1.0.2 } }",
        ]
        for name in ["b", "a"] {
            lines.append("chain \(name) {")
            for _ in 0..<Int.random(in: 0...3, using: &random) { lines.append(rule(verdict: random.pick(verdicts))) }
            lines.append("}")
            lines.append("")
        }
        if random.chance(20) {
            let place = random.pick(["-160", "-120", "-90"])
            lines.append("chain early { type filter hook prerouting priority \(place); policy accept;")
            lines.append(rule(verdict: random.pick(verdicts)))
            lines.append("}")
        }
        // Wherever it says it is, the kernel translates in one place.
        let place = random.pick(["dstnat", "dstnat", "dstnat", "-150", "-50"])
        lines.append("chain pre { type nat hook prerouting priority \(place); policy accept;")
        for _ in 0..<Int.random(in: 0...3, using: &random) { lines.append(translation()) }
        lines.append("}")
        lines.append("chain post { type nat hook postrouting priority srcnat; policy accept;")
        if random.chance(40) { lines.append("oifname \"ve-container\" masquerade") }
        lines.append("}")
        for hook in ["input", "forward", "output"] {
            let policy = hook != "output" && random.chance(45) ? "drop" : "accept"
            lines.append("chain \(hook)s { type filter hook \(hook) priority filter; policy \(policy);")
            if random.chance(70) {
                lines.append(
                    "ct state \(random.pick(["established", "established,related", "{ established, related }"])) counter accept"
                )
            }
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                lines.append(rule(verdict: random.pick(verdicts + ["jump a", "goto b", "jump b"])))
            }
            lines.append("}")
        }
        // Chains must be there before they are jumped to, and `a` may lead to `b`.
        return (lines + ["}", ""]).joined(separator: "\n")
    }

    /// Commands that put rules, and chains, into the tables that iptables made.
    mutating func extras() -> String {
        var lines = [
            "add set ip filter some { type inet_service; flags interval; elements = { 22, 2000-2002 } }",
            "add set ip filter hosts { type ipv4_addr; elements = { 10.0.3.2, 10.0.3.4, 10.1.0.2 } }",
        ]
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let way = random.pick(["add", "insert", "insert"])
            lines.append(
                "\(way) rule ip filter \(random.pick(["INPUT", "FORWARD"])) \(rule(verdict: random.pick(verdicts)))")
        }
        if random.chance(25) {
            let hook = random.pick(["input", "forward"])
            lines.append(
                "add chain ip filter mine { type filter hook \(hook) priority -5; policy \(random.pick(["accept", "drop"])); }"
            )
            lines.append("add rule ip filter mine \(rule(verdict: random.pick(verdicts)))")
        }
        if random.chance(25) {
            lines.append(
                "insert rule ip nat PREROUTING "
                    + random.pick([
                        "tcp dport { 22, 2001 } dnat to 10.0.3.3", "tcp dport 2000-2005 redirect to :22",
                        "iifname \"tap*\" tcp dport != 23 dnat to 10.0.3.2",
                    ]))
        }
        if random.chance(5) { lines.append("add table ip filter { flags dormant; }") }
        return lines.joined(separator: "\n")
    }

    private let verdicts = [
        "accept", "accept", "drop", "reject", "reject with tcp reset", "reject with icmpx type admin-prohibited",
        "return", "counter", "log prefix \"x\" accept", "meta mark set 0x1",
    ]

    private mutating func rule(verdict: String) -> String {
        var words: [String] = []
        if random.chance(35) {
            words.append(
                random.pick([
                    "iifname \"eth0\"", "iifname \"tap*\"", "iifname != \"eth0\"", "oifname \"ve-container\"",
                    "iifname != \"ve-*\"",
                ]))
        }
        if random.chance(25) {
            words.append(
                random.pick([
                    "ip saddr 10.1.0.0/24", "ip daddr != 10.0.3.2", "ip daddr @hosts",
                    "ip daddr { 10.0.3.2, 10.0.3.8-10.0.3.20, 192.0.2.0/24 }",
                    "ip6 daddr fd00:3::2", "ip6 saddr fd00:1::/64", "ip daddr 10.0.3.2-10.0.3.3", "meta nfproto ipv4",
                    "meta nfproto ipv4", "meta nfproto ipv6", "meta nfproto != ipv6", "meta nfproto { ipv4, ipv6 }",
                    "meta protocol ip", "meta protocol ip6", "ip daddr != @hosts",
                    "ip saddr != { 10.1.0.3, 10.1.0.9 }", "fib daddr type local",
                ]))
        }
        if random.chance(60) {
            words.append(
                random.pick([
                    "tcp dport 22", "tcp dport { 22, 23, 2000-2002 }", "tcp dport != 2001", "tcp dport 2000-2009",
                    "tcp dport @some",
                    "tcp dport != @some", "tcp sport 20000-40000", "udp dport 22", "meta l4proto tcp",
                    "meta l4proto { tcp, udp }",
                    "tcp flags & (fin|syn|rst|ack) == syn", "tcp flags & (syn|ack) != syn", "tcp flags syn",
                    "th dport 23",
                    "meta l4proto != udp",
                    words.last?.contains("v6") == true || words.last?.contains("ip6") == true
                        ? "tcp sport 22" : "ip protocol tcp",
                ]))
        }
        if random.chance(20) {
            words.append(
                random.pick([
                    "ct state new", "ct state != new", "ct state { new, established }", "ct status dnat",
                    "ct state invalid",
                ]))
        }
        let conflicts = words.contains { $0.contains("udp") } && verdict.contains("tcp")
        return (words + [conflicts ? "reject" : verdict]).joined(separator: " ")
    }

    private mutating func translation() -> String {
        let match = random.pick([
            "tcp dport 2000", "tcp dport { 22, 2001 }", "tcp dport 2000-2005", "meta l4proto tcp", "tcp dport != 23",
        ])
        let way = random.pick(["", "iifname \"tap0\" ", "iifname \"eth*\" ", "iifname != \"tap0\" "])
        return way + match + " "
            + random.pick([
                "dnat ip to 10.0.3.2", "dnat ip to 10.0.3.3:2001", "redirect to :22", "redirect",
                "dnat ip6 to fd00:3::3",
                "dnat ip6 to [fd00:3::2]:22", "accept",
            ])
    }
}
