import ArgumentParser
import Core
import Imaging
import Testing

@testable import scout

/// What the command line means, and what it refuses before anything is done.
@Suite struct OptionTests {
    private func parsed<Command: ParsableCommand>(_ type: Command.Type, _ arguments: String...) throws -> Command {
        try #require(try Scout.parseAsRoot(GlobalOptions.moved(arguments, root: Scout.self)) as? Command)
    }

    private func refusal(_ arguments: [String]) -> String? {
        do {
            _ = try Scout.parseAsRoot(arguments)
            return nil
        } catch {
            return Scout.exitCode(for: error) == .validationFailure ? Scout.message(for: error) : nil
        }
    }

    @Test func globalOptionsMayStandBeforeTheCommand() {
        let lines: [([String], [String])] = [
            (["--json", "-t", "x", "ports"], ["ports", "--json", "-t", "x"]),
            (["--target=x", "serve", "-q", "nbd", "e"], ["serve", "nbd", "--target=x", "-q", "e"]),
            (["ports", "--json"], ["ports", "--json"]), (["--json"], ["--json"]),
            (["--json", "serve"], ["--json", "serve"]), (["exec", "--", "--json"], ["exec", "--", "--json"]),
        ]
        for (typed, meant) in lines { #expect(GlobalOptions.moved(typed, root: Scout.self) == meant) }
    }

    @Test func theOptionsOfAnAcquisitionArriveInItsGroups() throws {
        let command = try parsed(
            AcquireCommand.self, "acquire", "e", "x.dd", "--hash", "sha512,md5", "--no-verify", "--connections", "3",
            "--verify-source", "--case", "42", "--examiner", "Ann", "--json", "--accept-host-key", "SHA256:x")
        #expect(command.imaging.options.hashes == [.sha512, .md5] && command.imaging.options.hashAtSource)
        #expect(!command.imaging.options.acquisition.verify && command.imaging.options.acquisition.connections == 3)
        #expect(command.record.record.number == "42" && command.record.record.examiner == "Ann")
        #expect(command.global.choices.acceptedHostKey == "SHA256:x" && command.global.json)
    }

    @Test(arguments: [
        ["acquire", "e", "x", "--connections", "17"], ["acquire", "e", "x", "--connections", "0"],
        ["acquire", "e", "x", "--hash", "none", "--verify-source"], ["acquire", "nbd://h/", "x", "--verify-source"],
        ["acquire", "e", ""], ["acquire", "e", "x/"], ["hash", "e", "--hash", "none"],
        ["hash", "e", "--hash", "rot13"],
        ["hash", "e", "--keep-alive", "5"], ["serve", "nbd", "e", "--max-clients", "99999999999"],
        ["serve", "nbd", "e", "--max-clients", "0"], ["serve", "nbd", "e", "--partition", "0"],
        ["serve", "nbd", "e", "--partition", "1", "--offset", "1"], ["serve", "nbd", "e", "--psk-file", "x"],
        ["serve", "nbd", "e", "--allow", "here"], ["release"], ["release", "2000", "--all"], ["exec"],
        ["forwards", "--via", "ssh", "--from", "x"], ["target", "add", "x", "no address"],
    ])
    func whatCannotBeIsRefusedBeforeAnythingIsDone(arguments: [String]) {
        #expect(refusal(arguments) != nil, "\(arguments)")
    }

    @Test func helpNamesNoHashThatIsRefused() {
        #expect(!Scout.helpMessage(for: HashCommand.self).contains("none"))
        #expect(Scout.helpMessage(for: AcquireCommand.self).contains("none"))
    }

    @Test(arguments: [
        ("90", Duration.seconds(90)), ("10m", .seconds(600)), ("2h", .seconds(7200)), ("1d", .seconds(86400)),
        ("0", nil), ("-1", nil), ("m", nil), ("9223372036854775807d", nil),
    ])
    func timesAreReadWithTheirUnit(text: String, duration: Duration?) {
        #expect(TimeSpan(argument: text)?.value == duration)
    }

    @Test(arguments: [("4096", 4096), ("64K", 65536), ("1g", 1 << 30), ("-1", nil), ("9T9", nil), ("99999999T", nil)])
    func sizesAreReadWithTheirUnit(text: String, bytes: Int64?) {
        #expect(ByteCount(argument: text)?.value == bytes)
    }
}
