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
    var hash = DigestList(HashAlgorithm.standard)
    @Option(help: ArgumentHelp("Print white space this often before the JSON.", valueName: "TIME", visibility: .hidden))
    var keepAlive: TimeSpan?
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        if keepAlive != nil, !global.json { throw ValidationError("--keep-alive needs --json") }
    }

    func run() async throws {
        let context = try CommandContext(global)
        if case .local = context.location { ReaderWatch.start { Console.current.complain($0) } }
        if let keepAlive { try KeepAlive.start(every: keepAlive.value, on: context.output.console) }
        let report = try await context.withContainer { try await $0.hash(source, algorithms: hash.algorithms) }
        try context.output.result(report) { _ in report.page }
    }
}
