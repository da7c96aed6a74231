public import Core
import Platform

extension ForwardsReport {
    /// The report without what is the owner's alone, for people who only need to know what is forwarded.
    ///
    /// Rules are quoted in reasons and exposures. Their addresses outside the VPN and the container's network, hardware
    /// addresses, and free text such as comments are replaced by `…`; so are targets of forwards in the owner's network.
    ///
    /// - Parameter topology: tells which networks are not the owner's.
    public func redacted(_ topology: Topology) -> ForwardsReport {
        let open = [topology.vpnNetwork, topology.containerNetwork].compactMap { $0 }
        var report = self
        for index in report.forwards.indices {
            report.forwards[index].to = Self.redacted(report.forwards[index].to, open)
            report.forwards[index].reason = report.forwards[index].reason.map { Self.redacted($0, open) }
        }
        for index in report.exposures.indices {
            report.exposures[index].summary = Self.redacted(report.exposures[index].summary, open)
        }
        return report
    }

    private static let hidden = "…"
    /// Options whose value is free text, or names something of the owner's.
    private static let textOptions: Set<Substring> = [
        "--comment", "--string", "--hex-string", "--log-prefix", "--nflog-prefix", "--ulog-prefix", "--match-set",
        "--name",
        "--uid-owner", "--gid-owner", "--u32", "--bytecode", "--dns", "--host", "--domain",
    ]

    private static func redacted(_ text: String, _ open: [CIDR]) -> String {
        var words: [Substring] = []
        var isQuoted = false
        var hidesNext = false
        for word in text.split(separator: " ", omittingEmptySubsequences: false) {
            let quotes = word.count { $0 == "\"" }
            if isQuoted || quotes > 0 {
                // Quoted text is hidden whole, with whatever hangs on the word that ends it.
                if !isQuoted { words.append(hidden[...]) }
                if quotes % 2 == 1 { isQuoted.toggle() }
            } else if hidesNext {
                words.append(hidden[...])
            } else {
                words.append(isPrivate(word, open) ? hidden[...] : word)
            }
            hidesNext = textOptions.contains(word)
        }
        return words.joined(separator: " ")
    }

    /// Whether a word holds an address that is the owner's.
    private static func isPrivate(_ word: Substring, _ open: [CIDR]) -> Bool {
        let bare = word.drop { "([\"".contains($0) }.prefix { !")\",;]".contains($0) }
        var candidates = bare.split { "-/".contains($0) }
        // ADDRESS:PORT, where the address is no IPv6 one.
        candidates += candidates.filter { $0.count { $0 == ":" } == 1 }.compactMap { $0.split(separator: ":").first }
        let isHardware = bare.split(separator: ":").count == 6 && bare.count == 17
        return isHardware
            || candidates.contains { candidate in
                guard let address = IPAddress(String(candidate)) else { return false }
                return !address.isUnspecified && !address.isLoopback && !open.contains { $0.contains(address) }
            }
    }
}
