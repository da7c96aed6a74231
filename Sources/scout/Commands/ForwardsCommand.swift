import ArgumentParser
import Core
import Diagnostics
import FoundationEssentials
import Glibc
import Host
import Platform

/// `scout forwards`: what the host forwards.
struct ForwardsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forwards",
        abstract: "Show what the host forwards, from the VPN and from the owner's network.",
        discussion: """
            It asks the host's agent; without one, the host itself over SSH where host control is on; else it tries each \
            port with a nonce. --from reads what an owner has mailed: what \
            iptables-save -c, ip6tables-save -c and nft -j list ruleset print, one behind the other.
            """)

    /// The three ways.
    enum Way: String, ExpressibleByArgument, CaseIterable {
        case agent
        case ssh
        case probe
    }

    @Option(help: ArgumentHelp("Ask in this way only.", valueName: "agent|ssh|probe")) var via: Way?
    @Option(help: ArgumentHelp("Evaluate saved rules; - is stdin.", valueName: "FILE"), completion: .file())
    var from: String?
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        if via != nil, from != nil { throw ValidationError("--via and --from exclude each other") }
    }

    func run() async throws {
        let context = try CommandContext(global)
        let report =
            if let from {
                try Self.saved(from, context.topology)
            } else {
                try await ForwardsLookup(
                    context.subject, asking: context.scout, detail: { context.output.detail($0) }
                ).report(
                    via: via.flatMap { ForwardsReport.Source(rawValue: $0.rawValue) })
            }
        if context.output.style == .plain, !global.json { context.output.remark(report.origin) }
        try context.output.result(report) { report.page(style: $0) }
    }

    /// Evaluates a file; its rules were true when it was last written.
    private static func saved(_ path: String, _ topology: Topology) throws(ScoutError) -> ForwardsReport {
        let file = path == "-" ? "/dev/stdin" : path
        guard let bytes = try ScoutError.wrap(File.read(file, limit: 32 << 20)) else {
            throw ScoutError(.noSource, "there is no file \(path)")
        }
        var status = stat()
        let isFile = stat(file, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        let time = isFile ? Date(timeIntervalSince1970: Double(status.st_mtim.tv_sec)) : Date()
        return try HostListing(bytes).report(topology, source: .file, checkedAt: time)
    }
}
