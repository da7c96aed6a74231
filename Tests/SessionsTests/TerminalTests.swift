import Core
import Glibc
import Testing

@testable import Sessions

@Suite(.serialized, .timeLimit(.minutes(1))) struct TerminalTests {
    @Test func answersAreReadAndTheModeIsRestored() async throws {
        let pair = PseudoTerminalPair()
        async let seen = Terminal(path: pair.path).ask("Name: ", echo: true)
        try await pair.type("Ada\n", after: "Name: ")
        #expect(try await seen == "Ada")
        #expect(pair.screen.contains("Ada"))
        async let hidden = Terminal(path: pair.path).ask("Secret: ", echo: false)
        try await pair.type("x y\n", after: "Secret: ")
        #expect(try await hidden == "x y")
        #expect(!pair.screen.contains("x y"))
        #expect(pair.echoes && pair.isCanonical)
    }

    @Test func controlCInterruptsAndRestores() async throws {
        let pair = PseudoTerminalPair()
        async let error = failure { try await Terminal(path: pair.path).ask("Secret: ", echo: false) }
        try await pair.type("half\u{3}", after: "Secret: ")
        #expect(await error?.code == .interrupted)
        #expect(pair.echoes && pair.isCanonical)
    }

    @Test func endOfFileIsNoAnswerAndNoTerminalAsksNobody() async throws {
        let pair = PseudoTerminalPair()
        async let answer = Terminal(path: pair.path).ask("Name: ", echo: true)
        try await pair.type("\u{4}", after: "Name: ")
        #expect(try await answer == nil)
        #expect(Terminal(path: "/dev/null").isPresent == false)
        #expect(try await Terminal(path: "/nonexistent").ask("Name: ", echo: true) == nil)
    }

    @Test func textsOfAServerCannotMoveTheCursor() async throws {
        let pair = PseudoTerminalPair()
        async let answer = Terminal(path: pair.path).ask("\u{1b}[2J\u{9b}31mOK?\n", echo: true)
        try await pair.type("\n", after: "\\u{1B}[2J\\u{9B}31mOK?")
        #expect(try await answer?.isEmpty == true)
    }

    @Test func signalThatEndsTheProcessRestoresTheTerminal() async throws {
        let pair = PseudoTerminalPair()
        await #expect(processExitsWith: .signal(SIGTERM)) { [path = pair.path as String] in
            Task.detached { _ = try? await Terminal(path: path).ask("Secret: ", echo: false) }
            let descriptor = open(path, O_RDWR | O_NOCTTY)
            var mode = termios()
            for _ in 0..<500 {
                tcgetattr(descriptor, &mode)
                if mode.c_lflag & tcflag_t(ECHO) == 0 { kill(getpid(), SIGTERM) }
                usleep(10_000)
            }
        }
        #expect(pair.screen.contains("Secret: "))
        #expect(pair.echoes && pair.isCanonical)
    }
}
