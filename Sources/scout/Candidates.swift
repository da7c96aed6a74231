import Core
import Forwarding
import FoundationEssentials
import Glibc

/// What TAB offers: from local state and the answers of earlier commands, never from the network.
///
/// Whatever goes wrong, the answer is no candidates and no word.
enum Candidates {
    /// The kinds of answers that are remembered, a file each per target.
    enum Kind: String {
        case evidence
        case ports
    }

    /// The configured targets, and `local`.
    static func targets() -> [String] {
        let paths = Paths(environment: ProcessInfo.processInfo.environment)
        let names = (try? Configuration.load(paths.configurationFile))?.targets.keys.sorted() ?? []
        return names + ["local"]
    }

    /// Evidence names: of this machine's directory in the container, else as last seen on the target.
    ///
    /// - Parameter words: the command line, which may name a target.
    static func evidence(_ words: [String]) -> [String] {
        guard let invocation = invocation(words) else { return [] }
        if case .local = invocation.place { return LocalContainer.evidenceNames(invocation.paths) }
        return remembered(.evidence, invocation)
    }

    /// Leased ports and their names: asked of the gates of this machine, else as last seen on the target.
    static func leases(_ words: [String]) -> [String] {
        guard let invocation = invocation(words) else { return [] }
        guard case .local = invocation.place else { return remembered(.ports, invocation) }
        return LocalContainer.leaseNames(invocation)
    }

    /// The ports that the host forwards.
    ///
    /// - Parameter words: the command line, which may name a topology.
    static func forwardedPorts(_ words: [String]) -> [String] {
        invocation(words)?.topology.forwardedPorts.map { String($0) } ?? []
    }

    /// Remembers an answer for the next TAB, but for names that a terminal would obey; a cache that can't be written is
    /// no failure.
    static func remember(_ names: [String], _ kind: Kind, _ invocation: Invocation) {
        guard case .remote = invocation.place else { return }
        let directory = invocation.paths.cacheDirectory
        guard (try? File.makePrivateDirectory(directory)) != nil else { return }
        try? File.replace(file(kind, invocation), with: names.filter(Visible.isClean).joined(separator: "\n").utf8)
    }

    private static func remembered(_ kind: Kind, _ invocation: Invocation) -> [String] {
        let bytes = (try? File.read(file(kind, invocation))).flatMap { $0 } ?? []
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    private static func file(_ kind: Kind, _ invocation: Invocation) -> String {
        let name = invocation.placeName.map { $0.isLetter || $0.isNumber || "._-@".contains($0) ? $0 : "_" }
        return "\(invocation.paths.cacheDirectory)/\(kind.rawValue)-\(String(name))"
    }

    private static func invocation(_ words: [String]) -> Invocation? {
        var options = GlobalOptions()
        options.json = false
        options.quiet = true
        options.verbose = false
        options.target = value(of: ["-t", "--target"], in: words)
        options.topology = value(of: ["--topology"], in: words)
        options.config = value(of: ["--config"], in: words)
        options.acceptHostKey = nil
        return try? Invocation(options)
    }

    private static func value(of names: [String], in words: [String]) -> String? {
        for (word, next) in zip(words, words.dropFirst()) where names.contains(word) { return next }
        for name in names where name.hasPrefix("--") {
            if let word = words.first(where: { $0.hasPrefix(name + "=") }) {
                return String(word.dropFirst(name.count + 1))
            }
        }
        return nil
    }
}
