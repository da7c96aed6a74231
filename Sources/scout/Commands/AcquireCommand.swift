import ArgumentParser
import Core
import Diagnostics
import FoundationEssentials
import Glibc
import Imaging
import Platform

/// `scout acquire`: images evidence onto this machine.
struct AcquireCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "acquire",
        abstract: "Image evidence onto this machine, hashed, verified and recorded.",
        discussion: """
            Writes IMAGE, IMAGE.scout.json (the manifest) and IMAGE.txt (the same for people). Until all is proven the \
            image is called IMAGE.partial. SOURCE may be an nbd:// or nbds:// URI, too.

            Exit status 74: the image is complete, but the source had unreadable ranges, which are zeros in it. 1: it is not \
            what the source hashed itself to, or the source could not be hashed. What a server only promises to be zeros is \
            not read, and told; --read-zeros reads it.
            """)

    @Argument(
        help: ArgumentHelp("An evidence name, a path in the container, or an NBD URI.", valueName: "SOURCE"),
        completion: .values(.evidence))
    var source: String
    @Argument(help: ArgumentHelp("The file to make.", valueName: "IMAGE"), completion: .file())
    var image: String
    @Option(help: ArgumentHelp("Which hashes: md5, sha1, sha256, sha512, or none.", valueName: "LIST"))
    var hash = HashList(HashAlgorithm.standard)
    @Flag(name: .customLong("no-verify"), help: "Don't read the image again and compare.") var noVerify = false
    @Flag(help: "Have the container hash the source where it lies, and compare.") var verifySource = false
    @Flag(name: .customLong("read-zeros"), help: "Have zeros sent that the server would only promise.") var readZeros =
        false
    @Option(help: ArgumentHelp("How many connections, 1 to 16.", valueName: "N")) var connections: Int?
    @Option(name: .customLong("case"), help: ArgumentHelp("The case's number.", valueName: "N")) var caseNumber: String?
    @Option(help: ArgumentHelp("The item's number.", valueName: "N")) var evidence: String?
    @Option(help: ArgumentHelp("Who examines it.", valueName: "S")) var examiner: String?
    @Option(help: ArgumentHelp("Anything worth recording.", valueName: "S")) var notes: String?
    @OptionGroup var global: GlobalOptions

    private var isURI: Bool { source.contains("://") }

    func validate() throws {
        if let connections, !(1...16).contains(connections) { throw ValidationError("--connections is 1 to 16") }
        if verifySource, hash.algorithms.isEmpty { throw ValidationError("--verify-source needs a hash") }
        if verifySource, isURI { throw ValidationError("--verify-source needs a container, not a URI") }
        if image.isEmpty { throw ValidationError("IMAGE is empty: name the file to make") }
        if image.hasSuffix("/") { throw ValidationError("'\(image)' names a directory, not a file") }
    }

    func run() async throws {
        let invocation = try Invocation(global)
        let cancellation = try Cancellation()
        let outstanding = Outstanding()
        let interrupts = Interrupts(outstanding) { cancellation.cancel() }
        defer { interrupts.stop() }
        let files = try ImageFiles(image)
        defer { files.abandon() }
        outstanding.atEnd { files.abandon() }
        let meter = ProgressLine(invocation.output)
        defer { meter.finish() }
        let record = RunningAcquisition.Record(
            RunningAcquisition(
                pid: getpid(), target: isURI ? "a server" : invocation.placeName, source: source, image: image,
                startedAt: Date()), invocation.paths)
        let events: @Sendable (Event) -> Void = { [meter, record] in
            guard let progress = $0.progress else { return }
            meter.show(progress)
            record.note(
                phase: progress.phase.rawValue, doneBytes: progress.doneBytes, totalBytes: progress.totalBytes,
                bytesPerSecond: progress.bytesPerSecond)
        }

        var options = ContainerAcquisition.Options()
        options.hashes = hash.algorithms
        options.hashAtSource = verifySource
        options.acquisition.verify = !noVerify
        options.acquisition.readsZeros = readZeros
        options.acquisition.connections = connections
        options.acquisition.version = Version.text
        options.acquisition.command = CommandLine.arguments.joined(separator: " ")
        options.acquisition.case = CaseRecord(
            number: caseNumber, evidence: evidence, examiner: examiner, operator: invocation.operatorName,
            notes: notes)
        let result = try await invocation.acquire(
            source, files, options, cancellation: cancellation, outstanding: outstanding, events: events)
        meter.finish()
        try invocation.output.result(json: result.manifest.json()) { ManifestText.acquired(result) }
        try invocation.output.conclude(result.manifest)
    }
}
