import Core
import FoundationEssentials
import Glibc
import Platform
import TestSupport
import Testing

@testable import Ports

/// The log that servers can't fill the container's memory with.
@Suite struct GateLogTests {
    private func withLog(_ body: (GateLog, String) throws -> Void) async throws {
        try await PortsBench.with { bench in
            let output = try GateLog.open("2000.log", in: bench.store.logs)
            defer { close(output) }
            let log = try GateLog("2000.log", in: bench.store.logs, outputs: [output])
            defer {
                close(log.serversEnd)
                close(log.descriptor)
            }
            try body(log, bench.store.logPath(2000))
        }
    }

    private func say(_ text: String, to log: GateLog) {
        let bytes = Array(text.utf8)
        #expect(write(log.serversEnd, bytes, bytes.count) == bytes.count)
        log.drain()
    }

    private func text(_ path: String) -> String {
        String(decoding: (try? File.read(path, limit: 4 << 20)).flatMap { $0 } ?? [], as: UTF8.self)
    }

    private func lines(_ path: String) -> [String] { text(path).split(separator: "\n").map(String.init) }

    @Test func whatServersSayIsWrittenLineByLine() async throws {
        try await withLog { log, path in
            say("one\ntw", to: log)
            #expect(lines(path) == ["one"])
            say("o\n", to: log)
            #expect(lines(path) == ["one", "two"])
            #expect(log.due == nil)
        }
    }

    @Test func linesBeyondTheBurstAreCountedAndTold() async throws {
        try await withLog { log, path in
            say((0..<130).map { "line \($0)\n" }.joined(), to: log)
            #expect(lines(path).count == GateLog.burst)
            #expect(lines(path).last == "line \(GateLog.burst - 1)")
            #expect(log.due.map { $0 > .now && $0 < .now + .seconds(11) } == true)
            log.finish()
            #expect(lines(path).count == GateLog.burst + 1)
            #expect(lines(path).last?.hasSuffix(" 30 lines of the servers were left out") == true)
            #expect(log.due == nil)
        }
    }

    @Test func aLongLineIsCut() async throws {
        try await withLog { log, path in
            say(String(repeating: "x", count: 5000) + "\nshort\n", to: log)
            #expect(lines(path).map(\.utf8.count) == [GateLog.longestLine, 5])
        }
    }

    @Test func aLineWithoutAnEndTakesNoMemory() async throws {
        try await withLog { log, path in
            for _ in 0..<40 { say(String(repeating: "y", count: 60_000), to: log) }
            #expect(lines(path).isEmpty)
            say("\n", to: log)
            #expect(lines(path).map(\.utf8.count) == [GateLog.longestLine])
        }
    }

    @Test func aFileThatHasGrownTooLongMakesRoomOnce() async throws {
        try await withLog { log, path in
            for (number, filling) in [UInt8(ascii: "a"), UInt8(ascii: "b")].enumerated() {
                Workbench.write([UInt8](repeating: filling, count: GateLog.limit + 1), to: path)
                say("after \(number)\n", to: log)
                say("later\n", to: log)
                #expect(lines(path).first?.contains("earlier lines are in 2000.log.1") == true)
                #expect(lines(path).last == "later")
                #expect(text(path + ".1").utf8.first == filling)
            }
        }
    }

    @Test func aLogThatIsAsLongAsItMayBeStays() async throws {
        try await withLog { log, path in
            Workbench.write([UInt8](repeating: UInt8(ascii: "a"), count: GateLog.limit), to: path)
            log.drain()
            #expect(access(path + ".1", F_OK) != 0)
        }
    }
}
