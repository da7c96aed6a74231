import ArgumentParser
import Core
import Glibc
import Platform
import Testing

@testable import scout

/// What leaves the program, with streams of the test's own in place of the process's.
@Suite struct ConsoleTests {
    /// What a body prints: the result, and the talk.
    private func printed(_ body: (Console) throws -> Void) throws -> (result: String, talk: String) {
        let (output, errors) = (try PipeEnds(), try PipeEnds())
        defer {
            close(output.read)
            close(errors.read)
            close(errors.write)
        }
        let console = Console(output: output.write, errors: errors.write)
        try body(console)
        // A second end of it is an error that is passed over: the body may have closed it already.
        try? console.finish()
        #expect(Array("\0".utf8).withUnsafeBytes { File.writeAll($0, to: errors.write) })
        func text(_ end: CInt) -> String {
            var bytes = [UInt8](repeating: 0, count: 65536)
            let count = read(end, &bytes, bytes.count)
            return String(decoding: bytes[..<max(count, 0)], as: UTF8.self)
        }
        return (text(output.read), String(text(errors.read).dropLast()))
    }

    private func output(_ console: Console, _ change: (inout GlobalOptions) -> Void = { _ in }) throws -> Output {
        var options = try GlobalOptions.parse([])
        change(&options)
        return Output(options, console: console)
    }

    private let report = HashReport(path: "/e", sizeBytes: 0, hashes: ["md5": "a\u{1B}b"])

    @Test func aResultIsTextOrOneObject() throws {
        let text = try printed { try output($0).result(report) { _ in report.page } }
        #expect(text.result == "MD5      a\\u{1B}b  /e\n" && text.talk.isEmpty)
        let json = try printed {
            try output($0) { $0.json = true }.result(report) { _ in
                Issue.record("a page nobody wants is made")
                return []
            }
        }
        #expect(json.result.hasPrefix("{") && json.result.contains("scout.hash/1") && json.result.contains("a\\u001bb"))
    }

    @Test func remarksAreTalkAndTheQuietGetNone() throws {
        for (quiet, verbose, talk) in [
            (false, false, "one\n"), (true, false, ""), (false, true, "one\ntwo\n"),
        ] {
            let said = try printed { console in
                let output = try output(console) { ($0.quiet, $0.verbose) = (quiet, verbose) }
                output.remark("one")
                output.detail("two")
            }
            #expect(said.result.isEmpty && said.talk == talk)
        }
    }

    @Test func aFailureIsALineAndItsHintOrOneObject() throws {
        let error = ScoutError(.busy, "all\nports", hint: "wait\u{202E}")
        let text = try printed { #expect(Failure(["ports"], console: $0).tell(error) == 75) }
        #expect(text.result.isEmpty && text.talk == "scout: all\\u{A}ports\nhint: wait\\u{202E}\n")
        let json = try printed { #expect(Failure(["ports", "--json"], console: $0).tell(error) == 75) }
        #expect(json.talk.isEmpty && json.result.contains("\"busy\"") && json.result.contains("wait\\u202e"))
        // What stands behind -- is another program's.
        let exec = try printed { #expect(Failure(["exec", "--", "--json"], console: $0).tell(error) == 75) }
        #expect(exec.result.isEmpty)
    }

    @Test func afterAResultThereIsNoSecondObject() throws {
        let both = try printed { console in
            try output(console) { $0.json = true }.result(report) { _ in [] }
            #expect(Failure(["hash", "--json"], console: console).tell(ScoutError(.io, "lost")) == 74)
        }
        #expect(both.result.split(separator: "\n").count { $0 == "{" } == 1 && both.talk == "scout: lost\n")
    }

    @Test func aResultThatCannotBeWrittenIsAnIOError() throws {
        let full = open("/dev/full", O_WRONLY | O_CLOEXEC)
        let console = Console(output: full, errors: full)
        #expect(throws: ScoutError.self) { try output(console).result(report) { _ in report.page } }
        #expect(console.hasPrinted)
        close(full)
    }

    @Test func othersErrorsHaveTheParsersStatus() throws {
        for (error, status) in [
            (ExitCode(3) as any Error, 3), (CancellationError(), 130), (ValidationError("no"), 64),
        ] as [(any Error, Int32)] {
            _ = try printed { #expect(Failure([], console: $0).tell(error) == status) }
        }
    }
}
