import ArgumentParser
import Core
import Imaging
import Platform

/// `scout verify`: reads an image again and compares it with its manifest.
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Compare an image with the manifest that its acquisition wrote.",
        discussion: """
            Exit status 0 only where the size and every hash agree, and the manifest is the one that the report beside it
            names, if there is a report; 1 where one does not.
            """)

    @Argument(help: ArgumentHelp("The image.", valueName: "IMAGE"), completion: .file()) var image: String
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let context = try CommandContext(global)
        let cancellation = try Cancellation()
        let interrupts = Interrupts { cancellation.cancel() }
        defer { interrupts.stop() }
        let meter = ProgressLine(context.output)
        defer { meter.finish() }
        let verification = Verification(
            image: image, version: Version.text, command: CommandLine.arguments.joined(separator: " "))
        let result = try await verification.run(cancellation: cancellation) { event in
            if let progress = event.progress { meter.show(progress) }
        }
        meter.finish()
        try context.output.result(json: result.manifest.json()) { _ in ManifestText.verified(result) }
        if !result.isIntact { throw ExitCode(ScoutError.Code.failed.exitStatus) }
    }
}
