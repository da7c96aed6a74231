import Core
import FoundationEssentials
import Glibc
@testable import Host
import Platform
import Synchronization
import Testing
import TestSupport

@Suite(.serialized, .timeLimit(.minutes(10))) struct HostAgentTests {
    private let stage = AgentStage()
    private static let request = "scout.forwards/1\n"
    private static let isRoot = geteuid() == 0

    private func seconds(_ body: () throws -> Void) rethrows -> Double {
        let start = ContinuousClock.now
        try body()
        return (ContinuousClock.now - start) / .seconds(1)
    }

    private func run() -> ScoutError? {
        let agent = HostAgent(socketPath: stage.path) { .success(AgentStage.report) }
        // Readable at once: where nothing is in the way it ends at once.
        var ends: [CInt] = [-1, -1]
        pipe(&ends)
        close(ends[1])
        defer { close(ends[0]) }
        do {
            try agent.run(until: ends[0])
            return nil
        } catch { return error }
    }

    // MARK: The exchange

    @Test func theClientGetsTheReport() throws {
        try stage.serve {
            try stage.expectReport()
        }
        #expect(stage.names.isEmpty, "the socket is removed at the end, and nothing is left beside it")
    }

    @Test func theLineMayComeInPiecesAndWithMoreBehindIt() throws {
        try stage.serve {
            let slow = try #require(stage.client())
            for byte in Self.request.utf8 {
                slow.say([byte])
                usleep(5000)
            }
            let answer = slow.hear()
            #expect(answer.hasSuffix("}\n"))
            #expect(try JSON.decode(ForwardsReport.self, from: Data(answer.utf8)) == AgentStage.report)
            let more = try #require(stage.client())
            more.say(Self.request + String(repeating: "rm -rf /\n", count: 10_000))
            #expect(more.hear() == answer)
            let half = try #require(stage.client())
            half.say(Self.request)
            shutdown(half.descriptor, CInt(SHUT_WR))
            #expect(half.hear() == answer)
        }
    }

    @Test(arguments: [
        "scout.forwards/2\n", "\n", "scout.forwards/1\r\n", "scout.forwards/1 \n", "SCOUT.FORWARDS/1\n", "\u{0}\n",
        String(repeating: "a", count: 64), String(repeating: "é", count: 40_000), "scout.forwards/1;reboot\n",
    ])
    func anythingElseIsAUsageErrorThatQuotesNothing(line: String) throws {
        try stage.serve {
            let client = try #require(stage.client())
            client.say(line)
            let answer = client.hear()
            let error = #expect(throws: ScoutError.self) {
                try JSON.decode(ForwardsReport.self, from: Data(answer.utf8))
            }
            #expect(error?.code == .usage)
            #expect(!answer.contains("reboot") && !answer.contains("aaa") && !answer.contains("/2"))
        }
        #expect(stage.evaluations.load(ordering: .relaxed) == 0)
    }

    @Test func theWordsOfAFailureStayOnTheHost() throws {
        try stage.serve(.failure(ScoutError(.refused, "192.168.7.7 secret", hint: "secret"))) {
            let error = #expect(throws: ScoutError.self) { try HostAgentClient.ask(stage.path) }
            #expect(error?.code == .refused)
            #expect(error.map { "\($0.message) \($0.hint ?? "")".contains("secret") } == false)
        }
    }

    // MARK: Limits

    /// A quarter of what the protocol says, so that nobody waits here for what is a matter of arithmetic.
    private static let quick: AgentLimits = {
        var limits = AgentLimits()
        for limit in [\AgentLimits.request, \.evaluation, \.answer, \.look] { limits[keyPath: limit] /= 4 }
        return limits
    }()

    @Test func theLimitsAreThoseOfTheProtocol() {
        let limits = AgentLimits()
        #expect(limits.request == .seconds(2) && limits.evaluation == .seconds(5) && limits.answer == .seconds(5))
        #expect(limits.lifetime == .seconds(1) && limits.look == .seconds(1))
        #expect(HostAgent.maxClients == 16)
    }

    @Test func aSilentClientIsDroppedWhenItsTimeIsOver() throws {
        try stage.serve(limits: Self.quick) {
            let silent = try #require(stage.client())
            let half = try #require(stage.client())
            half.say("scout.forw")
            let time = seconds { #expect(silent.hear().isEmpty && half.hear().isEmpty) }
            #expect(time > 0.375 && time < 1.5, "\(time) s")
        }
    }

    @Test func theSeventeenthIsTurnedAwayAndServedAfterOneLeaves() throws {
        try stage.serve {
            usleep(50_000)
            var held = try (0..<16).map { _ in try #require(stage.client()) }
            usleep(50_000)
            for _ in 0..<20 {
                let one = try #require(stage.client())
                let time = seconds { #expect(one.hearError() == .busy) }
                #expect(time < 0.5)
            }
            let error = #expect(throws: ScoutError.self) { try HostAgentClient.ask(stage.path) }
            #expect(error?.code == .busy)
            held.removeLast()
            usleep(50_000)
            try stage.expectReport()
        }
    }

    @Test func whoDoesNotReadDoesNotHoldUpOthers() throws {
        let large = AgentStage.report(of: 900_000)
        try stage.serve(limits: Self.quick, .success(large)) {
            let deaf = try (0..<10).map { _ in try #require(stage.client()) }
            for one in deaf { one.say(Self.request) }
            for _ in 0..<5 {
                let client = try #require(stage.client())
                client.say(Self.request)
                var length = 0
                let time = seconds { length = client.hear().utf8.count }
                #expect(length > 900_000 && time < 1.5, "\(length) bytes in \(time) s")
            }
            // And it is not waited for longer than the limit: the rest is missing then.
            usleep(1_750_000)
            for one in deaf { #expect(one.hear().utf8.count < 900_000) }
        }
    }

    @Test func fiftyRequestsInASecondMakeAtMostTwoEvaluations() throws {
        try stage.serve {
            let time = seconds {
                for _ in 0..<50 {
                    #expect((try? HostAgentClient.ask(stage.path)) != nil)
                    usleep(12_000)
                }
            }
            #expect(time < 1, "\(time) s")
            #expect((1...2).contains(stage.evaluations.load(ordering: .relaxed)))
            usleep(1_100_000)
            let before = stage.evaluations.load(ordering: .relaxed)
            _ = try HostAgentClient.ask(stage.path)
            #expect(stage.evaluations.load(ordering: .relaxed) == before + 1, "facts are not kept for longer")
        }
    }

    @Test func aSlowEvaluationHoldsUpNobodyAndRunsOnce() throws {
        try stage.serve(taking: .milliseconds(1500)) {
            let waiting = try (0..<8).map { _ in try #require(stage.client()) }
            for one in waiting { one.say(Self.request) }
            let other = try #require(stage.client())
            other.say("what?\n")
            let time = seconds { #expect(other.hearError() == .usage) }
            #expect(time < 0.5, "\(time) s")
            for one in waiting { #expect(one.hear().hasSuffix("}\n")) }
        }
        #expect(stage.evaluations.load(ordering: .relaxed) == 1)
    }

    @Test func anEvaluationThatTakesTooLongIsNotWaitedForAndNotDoubled() throws {
        try stage.serve(taking: .milliseconds(1750), limits: Self.quick) {
            let client = try #require(stage.client())
            client.say(Self.request)
            let time = seconds { #expect(client.hearError() == .busy) }
            #expect(time > 1.125 && time < 2.25, "\(time) s")
            let next = try #require(stage.client())
            next.say(Self.request)
            #expect(next.hear().contains(ForwardsReport.schema))
        }
        #expect(stage.mostRunning.load(ordering: .relaxed) == 1)
    }

    @Test func anAnswerThatIsTooLongIsAnError() throws {
        try stage.serve(.success(AgentStage.report(of: 1 << 20))) {
            let error = #expect(throws: ScoutError.self) { try HostAgentClient.ask(stage.path) }
            #expect(error?.code == .io)
        }
    }

    @Test func runningOutOfDescriptorsDoesNotSpin() throws {
        try stage.serve {
            var old = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &old)
            let clients = try (0..<4).map { _ in try #require(stage.client()) }
            usleep(50_000)
            let lowest = dup(0)
            close(lowest)
            let unconnected = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
            var low = rlimit(rlim_cur: rlim_t(lowest), rlim_max: old.rlim_max)
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &low)
            var before = timespec()
            var after = timespec()
            let status = try UnixAddress.withSocketAddress(stage.path) { connect(unconnected, $0, $1) }
            clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before)
            usleep(1_000_000)
            clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after)
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &old)
            let wire = Wire(unconnected)
            #expect(status == 0)
            let time =
                Double(after.tv_sec - before.tv_sec) + Double(after.tv_nsec - before.tv_nsec) / 1_000_000_000
            #expect(time < 0.3, "\(time) s of processor time")
            wire.say(Self.request)
            #expect(wire.hear().contains(ForwardsReport.schema))
            #expect(clients.count == 4)
        }
    }

    // MARK: The socket's place

    @Test func aSymbolicLinkIsNotFollowed() throws {
        let target = stage.directory + "/target"
        Workbench.write([1, 2, 3], to: target)
        for link in [target, stage.directory + "/missing"] {
            symlink(link, stage.path)
            #expect(run()?.message.contains("a symbolic link") == true)
            #expect(stage.names == ["scout.sock", "target"])
            unlink(stage.path)
        }
        var info = stat()
        #expect(lstat(target, &info) == 0 && info.st_mode & 0o777 == 0o600)
        #expect(try File.read(target) == [1, 2, 3])
    }

    @Test func aLinkToADirectoryIsNotFollowedEither() throws {
        symlink(stage.directory, stage.directory + "/link")
        let agent = HostAgent(socketPath: stage.directory + "/link/scout.sock") { .success(AgentStage.report) }
        #expect(throws: ScoutError.self) { try agent.run(until: 0) }
        #expect(stage.names == ["link"])
    }

    @Test func aFileThatIsNoSocketIsNotRemoved() throws {
        Workbench.write([7], to: stage.path)
        let error = run()
        #expect(error?.code == .cannotCreate && error?.message.contains("is not a socket") == true)
        #expect(try File.read(stage.path) == [7] && stage.names == ["scout.sock"])
        unlink(stage.path)
        mkdir(stage.path, 0o700)
        #expect(run()?.code == .cannotCreate)
        #expect(stage.names == ["scout.sock"])
    }

    @Test func aStaleSocketIsReplaced() throws {
        _ = try stage.listener()
        #expect(stage.names == ["scout.sock"])
        try stage.serve {
            try stage.expectReport()
        }
    }

    @Test func aSecondAgentIsRefused() throws {
        try stage.serve {
            #expect(run()?.code == .busy)
            try stage.expectReport()
        }
        let full = try stage.listener(backlog: 0)
        let queued = stage.client()
        #expect(run()?.code == .busy, "one that is too busy to accept lives, too")
        #expect(queued != nil && full.descriptor >= 0)
    }

    @Test func aSocketThatVanishesIsPutBack() throws {
        try stage.serve(limits: Self.quick) {
            for _ in 0..<2 {
                unlink(stage.path)
                #expect(eventually { (try? HostAgentClient.ask(stage.path)) != nil })
            }
            rename(stage.path, stage.directory + "/elsewhere")
            #expect(eventually { (try? HostAgentClient.ask(stage.path)) != nil })
            unlink(stage.directory + "/elsewhere")
            // What is no socket stays, and the agent comes back once it is gone.
            unlink(stage.path)
            Workbench.write([9], to: stage.path)
            usleep(550_000)
            let left = try File.read(stage.path)
            #expect(left == [9])
            unlink(stage.path)
            #expect(eventually { (try? HostAgentClient.ask(stage.path)) != nil })
            #expect(stage.names == ["scout.sock"])
        }
    }

    @Test func atTheEndOnlyTheAgentsOwnSocketIsRemoved() throws {
        var other: Wire?
        try stage.serve {
            unlink(stage.path)
            other = try stage.listener()
        }
        #expect(stage.names == ["scout.sock"] && other != nil)
    }

    @Test func everybodyMayConnectAndTheProcessKeepsItsMask() throws {
        let mask = umask(0o077)
        defer { umask(mask) }
        try stage.serve {
            var info = stat()
            #expect(lstat(stage.path, &info) == 0 && info.st_mode & 0o777 == 0o666)
            #expect(umask(0o077) == 0o077)
        }
    }

    @Test(.enabled(if: isRoot, "needs root to become the container's root"))
    func theContainersRootAsksInItsOwnDirectory() async throws {
        chown(stage.directory, 100_000, 100_000)
        let agent = try RunningAgent(HostAgent(socketPath: stage.path) { .success(AgentStage.report) })
        defer { agent.stop() }
        #expect(eventually { self.stage.client() != nil })
        let script = """
            import socket, sys
            s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(b"scout.forwards/1\\n")
            print(s.makefile().read())
            """
        let setpriv = Command("setpriv", environment: Project.environment)
        let outcome = try await setpriv(
            "--reuid=100000", "--regid=100000", "--clear-groups", "/usr/bin/python3", "-c", script, stage.path)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try JSON.decode(ForwardsReport.self, from: Data(outcome.output.utf8)) == AgentStage.report)
    }
}
