import ArgumentParser
import Core

/// `scout hash`: hashes a source where it lies.
struct HashCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hash", abstract: "Hash a device or file where it lies, in the container.")

    @Argument(
        help: ArgumentHelp("An evidence name, or a path in the container.", valueName: "SOURCE"),
        completion: .values(.evidence))
    var source: String
    @Option(help: ArgumentHelp("Which hashes: md5, sha1, sha256, sha512.", valueName: "LIST"))
    var hash = HashList(HashAlgorithm.standard)
    @Option(help: ArgumentHelp("Print white space this often before the JSON.", valueName: "TIME", visibility: .hidden))
    var keepAlive: TimeSpan?
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        if hash.algorithms.isEmpty { throw ValidationError("--hash none leaves nothing to do") }
        if keepAlive != nil, !global.json { throw ValidationError("--keep-alive needs --json") }
    }

    func run() async throws {
        let invocation = try Invocation(global)
        if case .local = invocation.place { ReaderWatch.start() }
        if let keepAlive { try KeepAlive.start(every: keepAlive.value) }
        let report = try await invocation.withContainer { try await $0.hash(source, algorithms: hash.algorithms) }
        try invocation.output.result(report) {
            Page(
                HashAlgorithm.allCases.compactMap { algorithm in
                    report.hashes[algorithm.rawValue].map {
                        "\(algorithm.displayName.padding(to: 8)) \($0)  \(report.path)"
                    }
                })
        }
    }
}
