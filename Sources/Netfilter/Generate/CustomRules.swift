/// An owner's additions to the firewall: one file of `firewall.d`, read at each apply and never written.
///
/// The files are named `NAME.ipv4` or `NAME.ipv6` and merged in the order of their names. Each is a piece of input for
/// `iptables-restore`: a table (`*filter` or `*nat`), chains of its own (`:MY_CHAIN - [0:0]`), rules (`-A …`) and
/// `COMMIT`. Rules may be added to the chains the file declares, and to the hooks that our chains jump to before they decide:
///
///     *filter
///     -A CUSTOM_INPUT -i eth+ -p tcp -m tcp --dport 8080 -j ACCEPT
///     -A CUSTOM_FORWARD -i ve-container -p tcp -m tcp --dport 25 -j DROP
///     COMMIT
///     *nat
///     -A CUSTOM_PREROUTING -i tap0 -p tcp -m tcp --dport 8443 -j DNAT --to-destination ADDRESS:443
///     -A CUSTOM_POSTROUTING -o tap0 -j MASQUERADE
///     COMMIT
///
/// What such a rule forwards is let through FORWARD only by a rule in `CUSTOM_FORWARD`. All other chains, and every other
/// command, are refused, so that the policy above stays whole whatever the files say. IPv6 has `*filter` only.
public struct CustomRules: Hashable, Sendable {
    /// A declared chain, or a rule.
    struct Line: Hashable, Sendable {
        var table: String
        var chain: String?
        var rule: String?

        /// Whether it is a rule for what passes the host.
        var isForwarding: Bool { rule.map { $0.split(separator: " ").dropFirst().first == "CUSTOM_FORWARD" } ?? false }
    }

    /// The file, for messages.
    public let name: String
    /// Which of the two rule sets they belong to.
    public let family: RuleSet.Family
    private let lines: [Line]

    /// Reads one file.
    ///
    /// - Parameters:
    ///   - text: its content.
    ///   - family: the rule set that its name says it belongs to.
    ///   - name: its name, for messages.
    /// - Throws: `RuleError` (`malformed`) with the line that is not allowed.
    public init(_ text: String, family: RuleSet.Family, name: String) throws(RuleError) {
        var table: String?
        var lines: [Line] = []
        var chains: [String: Set<String>] = [:]
        for (number, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = raw.split { $0 == " " || $0 == "\t" || $0 == "\r" }
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            func refuse(_ why: String) -> RuleError {
                RuleError(
                    .malformed, "\(name), line \(number + 1): \(why)",
                    hint: "rules go into CUSTOM_INPUT and its like, or into chains that the file declares")
            }
            if first.hasPrefix("*") {
                let wanted = String(first.dropFirst())
                guard !Self.hooks(table: wanted, family: family).isEmpty else {
                    throw refuse("no table '\(wanted)' here")
                }
                table = wanted
                chains[wanted, default: []].formUnion(Self.hooks(table: wanted, family: family))
                continue
            }
            guard let inside = table else { throw refuse("a table must begin first: *filter") }
            if first == "COMMIT" {
                table = nil
            } else if first.hasPrefix(":") {
                let chain = String(first.dropFirst())
                guard Self.isFree(chain), words.count >= 2, words[1] == "-" else {
                    throw refuse("'\(first)' is not a new chain")
                }
                chains[inside]?.insert(chain)
                if !Self.hooks(table: inside, family: family).contains(chain) {
                    lines.append(Line(table: inside, chain: chain))
                }
            } else if first == "-A" {
                guard raw.utf8.allSatisfy({ $0 == 9 || $0 == 13 || $0 >= 32 && $0 != 127 }) else {
                    throw refuse("control characters are not allowed")
                }
                guard words.count > 2, chains[inside]?.contains(String(words[1])) == true else {
                    throw refuse("rules can't be added to '\(words.dropFirst().first ?? "")'")
                }
                // Kept letter by letter, because of what stands in quotes.
                lines.append(Line(table: inside, rule: String(raw[first.startIndex...].prefix { $0 != "\r" })))
            } else {
                throw refuse("'\(first)' is not a rule")
            }
        }
        self.name = name
        self.family = family
        self.lines = lines
    }

    /// The chains that ours jump to.
    static func hooks(table: String, family: RuleSet.Family) -> [String] {
        switch (table, family) {
        case ("filter", _): ["CUSTOM_INPUT", "CUSTOM_FORWARD"]
        case ("nat", .ipv4): ["CUSTOM_PREROUTING", "CUSTOM_POSTROUTING"]
        default: []
        }
    }

    /// Whether a chain may be declared: its name is well-formed, and not one of ours or the kernel's.
    private static func isFree(_ name: String) -> Bool {
        let taken: Set = [
            "INPUT", "FORWARD", "OUTPUT", "PREROUTING", "POSTROUTING", "CONTAINER_INCOMING", "HOST_INCOMING",
        ]
        let letters = name.utf8.allSatisfy { byte in
            byte == 45 || byte == 95 || (48...57).contains(byte) || (65...90).contains(byte)
                || (97...122).contains(byte)
        }
        return letters && (1...28).contains(name.utf8.count) && name.utf8.first != 45 && !taken.contains(name)
    }

    func part(table: String, family: RuleSet.Family) -> [Line] {
        family == self.family ? lines.filter { $0.table == table } : []
    }
}
