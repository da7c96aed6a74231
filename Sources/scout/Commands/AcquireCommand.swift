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
    @OptionGroup var imaging: ImagingOptions
    @OptionGroup var record: CaseOptions
    @OptionGroup var global: GlobalOptions

    private var isURI: Bool { source.contains("://") }

    func validate() throws {
        if imaging.verifySource, isURI { throw ValidationError("--verify-source needs a container, not a URI") }
        if image.isEmpty { throw ValidationError("IMAGE is empty: name the file to make") }
        if image.hasSuffix("/") { throw ValidationError("'\(image)' names a directory, not a file") }
    }

    func run() async throws {
        let context = try CommandContext(global)
        let cancellation = try Cancellation()
        let outstanding = Outstanding()
        let interrupts = Interrupts(outstanding) { cancellation.cancel() }
        defer { interrupts.stop() }
        let files = try ImageFiles(image)
        defer { files.abandon() }
        outstanding.atEnd { files.abandon() }
        let meter = ProgressLine(context.output)
        defer { meter.finish() }
        let running = RunningAcquisition.Record(
            RunningAcquisition(
                pid: getpid(), target: isURI ? "a server" : context.targetName, source: source, image: image,
                startedAt: Date()), context.paths)
        let events: @Sendable (Event) -> Void = { [meter, running] in
            guard let progress = $0.progress else { return }
            meter.show(progress)
            running.note(
                phase: progress.phase.rawValue, doneBytes: progress.doneBytes, totalBytes: progress.totalBytes,
                bytesPerSecond: progress.bytesPerSecond)
        }

        var options = imaging.options
        options.acquisition.version = Version.text
        options.acquisition.command = CommandLine.arguments.joined(separator: " ")
        options.acquisition.case = record.record
        let (source, settings) = (source, options)
        let result = try await outstanding.running {
            guard !source.contains("://") else {
                return try await Acquisition(server: source, files: files, options: settings)
                    .run(cancellation: cancellation, events: events)
            }
            return try await context.withContainer { container in
                try await ContainerAcquisition(
                    container: container, host: context.exportHost, target: context.targetName,
                    keyDirectory: context.paths.runtimeDirectory + "/keys"
                ).run(
                    source: source, files: files, options: settings, cancellation: cancellation, events: events,
                    // Of a port that stays open everybody has to know, also who wants no remarks.
                    warning: { context.output.console.talk("scout: \($0)") },
                    leftover: { left in
                        outstanding.note(left?.text)
                        if let left { outstanding.atEnd { unlink(left.keyFile) } }
                    })
            }
        }
        meter.finish()
        try context.output.result(json: result.manifest.json()) { _ in ManifestText.acquired(result) }
        try context.output.conclude(result.manifest)
    }
}
