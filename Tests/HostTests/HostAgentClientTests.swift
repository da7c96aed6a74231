import Core
import FoundationEssentials
import Glibc
@testable import Host
import Platform
import Testing
import TestSupport

extension HostAgentTests {
    /// What the client says of a listener that answers with these bytes.
    private func error(after bytes: [UInt8], deadline: Duration = .seconds(3)) throws -> ScoutError? {
        let stage = AgentStage()
        let listener = try stage.listener()
        try Thread.start {
            let client = listener.accepted()
            client.say(bytes)
        }
        do throws(ScoutError) {
            _ = try HostAgentClient.ask(stage.path, deadline: deadline)
            return nil
        } catch { return error }
    }

    @Test func anAbsentAgentAndADeadOneAreToldApart() throws {
        let stage = AgentStage()
        let absent = #expect(throws: ScoutError.self) { try HostAgentClient.ask(stage.path) }
        #expect(absent?.code == .unreachable)
        #expect(absent?.message == "the host's agent is absent: no socket at \(stage.path)")
        _ = try stage.listener()
        let dead = #expect(throws: ScoutError.self) { try HostAgentClient.ask(stage.path) }
        #expect(dead?.code == .unreachable && dead?.message.contains("is dead") == true)
        #expect(throws: ScoutError.self) { try HostAgentClient.ask(String(repeating: "x", count: 108)) }
    }

    @Test(arguments: [8, 0] as [CInt]) func aHungAgentEndsAtTheDeadline(backlog: CInt) throws {
        let stage = AgentStage()
        let listener = try stage.listener(backlog: backlog)
        let queued = backlog == 0 ? stage.client() : nil
        let start = ContinuousClock.now
        let error = #expect(throws: ScoutError.self) { try HostAgentClient.ask(stage.path, deadline: .seconds(1)) }
        #expect(error?.code == .unreachable && error?.message.contains("does not answer within 1 s") == true)
        #expect(ContinuousClock.now - start < .seconds(2))
        #expect(listener.descriptor >= 0 && (queued != nil) == (backlog == 0))
    }

    @Test func anAgentThatTricklesEndsAtTheDeadline() throws {
        let stage = AgentStage()
        let listener = try stage.listener()
        try Thread.start {
            let client = listener.accepted()
            for _ in 0..<60 where client.say(" ") { usleep(50_000) }
        }
        let start = ContinuousClock.now
        let error = #expect(throws: ScoutError.self) { try HostAgentClient.ask(stage.path, deadline: .seconds(1)) }
        #expect(error?.message.contains("does not answer") == true)
        #expect(ContinuousClock.now - start < .seconds(2))
    }

    @Test func answersThatMakeNoSenseAreProtocolViolations() throws {
        let whole = Array(try JSON.encode(AgentStage.report)) + [10]
        #expect(try error(after: whole) == nil)
        let cases: [([UInt8], String)] = [
            ([], "without an answer"), (Array(whole.dropLast(1)), "in the middle"),
            (Array(whole.prefix(100)), "in the middle"), (Array("hello\n".utf8), "does not speak"),
            (Array("{\"schema\":\"scout.ports/1\"}\n".utf8), "does not speak"),
            ([UInt8](repeating: UInt8(ascii: "["), count: 100_000) + [10], "does not speak"),
            ([UInt8](repeating: 32, count: (1 << 20) + 1), "more than 1 MiB"),
            ([0xff, 0xfe, 0, 10], "does not speak"),
        ]
        for (bytes, words) in cases {
            let error = try error(after: bytes)
            #expect(error?.code == .protocolViolation, "\(words)")
            #expect(error?.message.contains(words) == true, "\(error as Any)")
        }
    }

    @Test func nothingInAnAnswerMovesTheCursor() throws {
        let evil = Array(#"{"error":{"code":"busy","message":"a\u001b[2J\nb\u202e"}}"#.utf8) + [10]
        let error = try error(after: evil)
        #expect(error?.code == .busy && error?.message == #"a\u{1B}[2J\u{A}b\u{202E}"#)
        let stage = AgentStage()
        var report = AgentStage.report
        report.source = .file
        // Data as it is, until it is printed: that filter is the output's.
        report.forwards[0].reason = "\u{1b}]0;x\u{7}"
        try stage.serve(.success(report)) {
            let heard = try HostAgentClient.ask(stage.path)
            #expect(heard.source == .agent && heard.forwards[0].reason == report.forwards[0].reason)
        }
    }

    @Test(.enabled(if: geteuid() == 0, "needs root to become somebody else"))
    func whoMayNotConnectIsToldSo() throws {
        let stage = AgentStage()
        let listener = try stage.listener()
        chmod(stage.path, 0o600)
        seteuid(100_000)
        let error = #expect(throws: ScoutError.self) { try HostAgentClient.ask(stage.path) }
        seteuid(0)
        #expect(error?.code == .refused && error?.message.contains("not permitted") == true)
        #expect(listener.descriptor >= 0)
    }

    // MARK: Any bytes at all

    private static func input(_ random: inout Seeded) -> [UInt8] {
        var bytes = Array("scout.forwards/1\n".utf8)
        for _ in 0..<Int.random(in: 0...4, using: &random) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: bytes[place] = UInt8.random(in: 0 ... .max, using: &random)
            case 1: bytes.remove(at: place)
            case 2:
                let byte = UInt8.random(in: 0 ... .max, using: &random)
                let count = Int.random(in: 1...random.pick([3, 60, 80, 3000]), using: &random)
                bytes.insert(contentsOf: [UInt8](repeating: byte, count: count), at: place)
            case 3: bytes.insert(contentsOf: bytes, at: place)
            default: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            }
        }
        return bytes
    }

    /// What should come of it, said in another way than the reader does.
    private static func expected(_ bytes: [UInt8]) -> AgentRequest.Outcome {
        let line = bytes.prefix { $0 != 10 }
        if line.count < bytes.count, line.count < 64 {
            return line.elementsEqual("scout.forwards/1".utf8) ? .forwards : .unknown
        }
        return line.count >= 64 ? .unknown : .incomplete
    }

    @Test func noBytesInAnyPiecesConfuseTheReader() {
        var random = Seeded(Soak.seed)
        for _ in 0..<(Soak.isOn ? 200_000 : 3000) {
            let bytes = Self.input(&random)
            var request = AgentRequest()
            var rest = bytes[...]
            while !rest.isEmpty {
                let piece = rest.prefix(Int.random(in: 1...random.pick([1, 5, 64, 5000]), using: &random))
                rest = rest.dropFirst(piece.count)
                let before = request.outcome
                let outcome = request.take(piece)
                #expect(before == .incomplete || outcome == before)
                #expect((0...64).contains(request.missing) && (request.missing == 0) == (outcome != .incomplete))
            }
            #expect(request.outcome == Self.expected(bytes), "\(bytes.prefix(80))")
        }
    }

    @Test func noBytesOverTheSocketHurtTheAgent() throws {
        var random = Seeded(Soak.seed)
        let stage = AgentStage()
        try stage.serve {
            for number in 0..<(Soak.isOn ? 3000 : 300) {
                let bytes = Self.input(&random)
                guard let client = stage.client() else {
                    Issue.record("no connection for input \(number)")
                    return
                }
                client.say(bytes)
                if random.chance(20) { continue }
                shutdown(client.descriptor, CInt(SHUT_WR))
                let answer = client.hear()
                switch Self.expected(bytes) {
                case .incomplete: #expect(answer.isEmpty)
                case .unknown: #expect(answer.contains("\"usage\""), "input \(number)")
                case .forwards: #expect(answer.contains(ForwardsReport.schema), "input \(number)")
                }
            }
            try stage.expectReport()
        }
    }
}
