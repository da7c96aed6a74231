import Netfilter
import TestSupport

/// Makes small rule sets in nft's own language, for both families at once.
struct RandomNFT {
    var random: Seeded
    /// Whether honest answers may be unknown.
    private(set) var isObscure = false

    init(_ random: Seeded) {
        self.random = random
    }

    mutating func text() -> String {
        var lines = [
            "table inet t {", "set some { type inet_service; flags interval; elements = { 22, 2000-2002 } }",
            "set hosts { type ipv4_addr; elements = { 10.0.3.2, 10.0.3.4, 10.1.0.2 } }",
            "set cards { type ifname; elements = { \"eth0\", \"lo\" } }",
            "set bits { type tcp_flag; elements = { syn, 0x12 } }",
            "set seen { type ct_state; elements = { established, related } }",
            "set moved { type ct_status; elements = { 0, dnat } }",
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
        let text = (lines + ["}", ""]).joined(separator: "\n")
        // Which port an answer has before a translation of its source is undone is not known, nor all of a connection's bits.
        isObscure =
            text.contains("@moved") || text.contains("chain early") && text.contains("masquerade")
            // Which of several addresses a packet is redirected to, and so whether that is a translation, can't be known.
            || text.contains("redirect") && text.contains("ct status")
        return text
    }

    /// Commands that put rules, and chains, into the tables that iptables made.
    mutating func extras() -> String {
        allowsSets = false
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

    /// All ways to ask for bits: any of them, none, just these, some under a mask, members of a set.
    private static let flags = [
        "tcp flags & (fin|syn|rst|ack) == syn", "tcp flags & (syn|ack) != syn", "tcp flags syn", "tcp flags == syn",
        "tcp flags != syn", "tcp flags syn,ack", "tcp flags == syn|ack", "tcp flags != syn|ack", "tcp flags ! syn",
        "tcp flags ! syn,rst", "tcp flags & ack == 0", "tcp flags & ack != 0", "tcp flags & (syn|ack) == syn|ack",
        "tcp flags & (syn|ack) == { syn, ack }", "tcp flags { syn, ack }", "tcp flags != { syn, ack }",
        "tcp flags @bits",
        "tcp flags != @bits", "tcp flags & (syn|rst) == 0", "tcp flags 2", "tcp flags & (syn|ack) != { ack }",
    ]
    private static let connection = [
        "ct state new", "ct state == new", "ct state != new", "ct state { new, established }", "ct state invalid",
        "ct state != { new, related }", "ct state new,established", "ct state == new|established",
        "ct state != established|related", "ct state & (new|related) == new", "ct state & established == 0",
        "ct state & (established|related) != 0", "ct state ! established", "ct state ! new,invalid", "ct state @seen",
        "ct state != @seen", "ct status dnat", "ct status == dnat", "ct status != dnat", "ct status dnat,snat",
        "ct status { dnat, snat }", "ct status != { dnat, snat }", "ct status & snat == 0", "ct status & dnat == 0",
        "ct status & (snat|dnat) == dnat", "ct status & (snat|dnat) != snat", "ct status ! dnat", "ct status ! snat",
        "ct status seen-reply", "ct status ! seen-reply", "ct status & (seen-reply|dnat) == dnat",
        "ct status confirmed", "ct status @moved",
        "ct status & (expected|dnat) == dnat", "ct status dnat,confirmed", "ct status == dnat|seen-reply",
    ]

    /// Whether the table has the sets of ``text()``.
    private var allowsSets = true

    private let verdicts = [
        "accept", "accept", "drop", "reject", "reject with tcp reset", "reject with icmpx type admin-prohibited",
        "return", "counter", "log prefix \"x\" accept", "meta mark set 0x1",
    ]

    private mutating func rule(verdict: String) -> String {
        var words: [String] = []
        if random.chance(35) {
            words.append(
                random.pick(
                    [
                        "iifname \"eth0\"", "iifname \"tap*\"", "iifname != \"eth0\"", "oifname \"ve-container\"",
                        "iifname != \"ve-*\"", "iifname { \"eth0\", \"tap0\" }",
                        "iifname != { \"eth0\", \"ve-container\" }",
                        "iifname @cards", "iifname \"eth+\"",
                    ].filter { allowsSets || !$0.contains("@cards") }))
        }
        if random.chance(25) {
            words.append(
                random.pick([
                    "ip saddr 10.1.0.0/24", "ip daddr != 10.0.3.2", "ip daddr @hosts",
                    "ip daddr { 10.0.3.2, 10.0.3.8-10.0.3.20, 192.0.2.0/24 }",
                    "ip6 daddr fd00:3::2", "ip6 saddr fd00:1::/64", "ip daddr 10.0.3.2-10.0.3.3", "meta nfproto ipv4",
                    "meta nfproto ipv4", "meta nfproto ipv6", "meta nfproto != ipv6", "meta nfproto { ipv4, ipv6 }",
                    "meta protocol ip", "meta protocol ip6", "ip daddr != @hosts",
                    "ip saddr != { 10.1.0.3, 10.1.0.9 }", "fib daddr type local", "fib daddr type != local",
                    "ip saddr > 10.1.0.2", "ip daddr <= 10.0.3.3", "ip saddr & 255.255.255.0 != 10.1.0.0",
                ]))
        }
        if random.chance(60) {
            words.append(
                random.pick([
                    "tcp dport 22", "tcp dport { 22, 23, 2000-2002 }", "tcp dport != 2001", "tcp dport 2000-2009",
                    "tcp dport @some",
                    "tcp dport != @some", "tcp sport 20000-40000", "udp dport 22", "meta l4proto tcp",
                    "meta l4proto { tcp, udp }",
                    "tcp dport > 2000", "tcp dport <= 2000", "tcp dport < 23", "tcp sport >= 20100",
                    random.pick(Self.flags.filter { allowsSets || !$0.contains("@") }),
                    random.pick(Self.flags.filter { allowsSets || !$0.contains("@") }),
                    random.pick(Self.flags.filter { allowsSets || !$0.contains("@") }),
                    "th dport 23",
                    "meta l4proto != udp",
                    words.last?.contains("v6") == true || words.last?.contains("ip6") == true
                        ? "tcp sport 22" : "ip protocol tcp",
                ]))
        }
        if random.chance(35) {
            words.append(random.pick(Self.connection.filter { allowsSets || !$0.contains("@") }))
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
