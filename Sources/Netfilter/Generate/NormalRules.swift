/// A listing or an input of `iptables-restore`, without what doesn't matter to packets: counters, comments, order of chains.
public struct NormalRules: Equatable, Sendable {
    private var chains: [String: [String]] = [:]

    /// - Parameter text: what `iptables-save` printed, or `iptables-restore` reads.
    public init(_ text: String) {
        var table = ""
        for line in text.split(separator: "\n") {
            switch line.first {
            case "*": table = String(line.dropFirst())
            case ":":
                let words = line.dropFirst().split(separator: " ")
                guard words.count > 1 else { continue }
                chains["\(table) \(words[0])", default: []].insert(String(words[1]), at: 0)
            case "-":
                let words = line.split(separator: " ", maxSplits: 2)
                guard words.count > 1 else { continue }
                chains["\(table) \(words[1])", default: []].append(String(line))
            default: break
            }
        }
    }

    /// Whether no chain but empty ones that accept is there.
    public var isEmpty: Bool { chains.values.allSatisfy { $0 == ["ACCEPT"] } }

    /// The tables that hold anything.
    public var tables: Set<String> {
        Set(chains.filter { $0.value != ["ACCEPT"] }.keys.map { String($0.prefix { $0 != " " }) })
    }

    /// Whether these tables hold the same, and no other table of theirs matters.
    public func holds(_ wanted: NormalRules) -> Bool {
        let concerned = Set(wanted.chains.keys.map { $0.prefix { $0 != " " } })
        return chains.filter { concerned.contains($0.key.prefix { $0 != " " }) } == wanted.chains
    }
}
