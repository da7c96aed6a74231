import Core
import Glibc
import Platform
import Testing

@testable import Sessions

/// What a request brings back, from pipes in place of a channel.
@Suite(.timeLimit(.minutes(1))) struct AnswerListenerTests {
    private typealias Listener = AnswerListener<VersionReport>
    private static let frame = AnswerFrameText.version

    /// What is heard while a body writes, and what was kept beside it.
    private func heard(
        _ patience: Listener.Patience = .init(whole: .seconds(20)),
        _ body:
            @escaping @Sendable (_ say: (String) -> Void, _ complain: (String) -> Void, _ stop: ExchangePipe) -> Void
    ) async throws -> (heard: Listener.Heard, stray: [UInt8], errors: [UInt8]) {
        let command = try RemoteCommand(["true"]).framed()
        // What the shell would print first.
        let mark = String(command.line.dropFirst("echo ".count).prefix { $0 != ";" })
        let (output, errors, stop) = (try ExchangePipe(), try ExchangePipe(), try ExchangePipe())
        async let writing: Void = Thread.blocking {
            func write(_ text: String, _ pipe: ExchangePipe) {
                let bytes = Array(text.replacing("MARK", with: mark).utf8)
                // A few bytes at a time, so that the line is cut in its middle.
                for start in stride(from: 0, to: bytes.count, by: bytes.count < 1000 ? 7 : bytes.count) {
                    let piece = bytes[start..<min(start + (bytes.count < 1000 ? 7 : bytes.count), bytes.count)]
                    #expect(piece.withUnsafeBytes { File.writeAll($0, to: pipe.writeEnd) })
                    usleep(500)
                }
            }
            body({ write($0, output) }, { write($0, errors) }, stop)
            output.closeWriteEnd()
            errors.closeWriteEnd()
        }
        let result = await Thread.blocking {
            var listener = Listener(command: command, output: output, errors: errors, stop: stop)
            let reader = AnswerReader<VersionReport>(to: .version, reservedPorts: 2000...2009)
            let heard = listener.listen(reader, patience)
            if case .answer = heard { _ = listener.drain() }
            return (heard, listener.stray, listener.errorText)
        }
        await writing
        return result
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test func whatIsPrintedAroundTheAnswerIsToldFromIt() async throws {
        let (heard, stray, _) = try await heard { say, _, _ in
            say("Welcome 1\nMARK\n" + Self.frame + "Goodbye\n")
        }
        guard case .answer(let report, let noise) = heard else {
            Issue.record("\(heard)")
            return
        }
        #expect(report.version == "1.2.3" && text(noise) == "Welcome 1\n" && text(stray) == "\nGoodbye\n")
    }

    @Test func aShellThatEndsKeepsItsLastWords() async throws {
        let (heard, stray, errors) = try await heard { say, complain, _ in
            say("last words\n")
            complain(String(repeating: "x", count: 200_000) + "\nno room\n")
        }
        guard case .shellEnd = heard else {
            Issue.record("\(heard)")
            return
        }
        #expect(text(stray) == "last words\n" && text(errors).hasSuffix("\nno room\n") && errors.count <= 64 << 10)
    }

    @Test func anAnswerThatIsCutIsToldFromNone() async throws {
        let cut = try await heard { say, _, _ in say("MARK\n" + Self.frame.prefix(30)) }
        guard case .end(isTruncated: true) = cut.heard else {
            Issue.record("\(cut.heard)")
            return
        }
        let none = try await heard { say, _, _ in say("MARK\n\n") }
        guard case .end(isTruncated: false) = none.heard else {
            Issue.record("\(none.heard)")
            return
        }
    }

    @Test func aShellThatPrintsWithoutEndIsGivenUp() async throws {
        let (heard, _, _) = try await heard { say, _, _ in
            let line = String(repeating: "y", count: 65536)
            for _ in 0..<65 { say(line) }
        }
        guard case .shellFlood = heard else {
            Issue.record("\(heard)")
            return
        }
    }

    @Test func silenceBeforeTheCommandIsTheShells() async throws {
        let brief = Listener.Patience(whole: .milliseconds(300))
        let shell = try await heard(brief) { say, _, _ in
            say("Welcome\n")
            usleep(600_000)
        }
        guard case .shellWaits = shell.heard else {
            Issue.record("\(shell.heard)")
            return
        }
        let command = try await heard(brief) { say, _, _ in
            say("MARK\n")
            usleep(600_000)
        }
        guard case .silence = command.heard else {
            Issue.record("\(command.heard)")
            return
        }
        // A sign of life is all that is asked for meanwhile.
        let patient = Listener.Patience(whole: .seconds(20), silence: .milliseconds(400))
        let slow = try await heard(patient) { say, _, _ in
            say("MARK\n")
            for _ in 0..<5 {
                usleep(200_000)
                say(AnswerFrameText.alive)
            }
            say(Self.frame)
        }
        guard case .answer = slow.heard else {
            Issue.record("\(slow.heard)")
            return
        }
        let dead = try await heard(patient) { say, _, _ in
            say("MARK\n" + AnswerFrameText.alive)
            usleep(900_000)
        }
        guard case .silence(.milliseconds(400)) = dead.heard else {
            Issue.record("\(dead.heard)")
            return
        }
    }

    @Test func whoDoesNotWantTheAnswerAnyMoreDoesNotWait() async throws {
        let start = ContinuousClock.now
        let (heard, _, _) = try await heard { say, _, stop in
            say("MARK\n")
            usleep(100_000)
            stop.closeWriteEnd()
            usleep(100_000)
        }
        guard case .cancelled = heard else {
            Issue.record("\(heard)")
            return
        }
        #expect(.now - start < .seconds(5))
    }
}

/// Frames as a container writes them.
private enum AnswerFrameText {
    static let alive = String(decoding: AnswerFrame.alive(.version), as: UTF8.self)
    static let version =
        #"{"report":{"schema":"scout.version/1","version":"1.2.3"},"schema":"scout.answer/1","verb":"version"}"# + "\n"
}
