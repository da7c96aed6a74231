import Glibc
import Platform
import Testing

/// Each in a process of its own, as signals are the whole process's.
@Suite(.timeLimit(.minutes(1))) struct SignalTests {
    @Test func caughtSignalsArriveInOrderAndAreGivenBack() async {
        await #expect(processExitsWith: .signal(SIGTERM)) {
            Scratch.takeSignals()
            let caught = try CaughtSignals([SIGTERM, SIGUSR1])
            raise(SIGTERM)
            raise(SIGUSR1)
            raise(SIGTERM)
            guard caught.pending() == [SIGTERM, SIGUSR1, SIGTERM], caught.pending().isEmpty else { exit(1) }
            caught.release()
            caught.release()
            raise(SIGTERM)
            exit(2)
        }
    }

    @Test func whatNohupMadeIgnoredStaysIgnored() async {
        await #expect(processExitsWith: .exitCode(7)) {
            Scratch.takeSignals()
            SignalAction.ignored.install(for: SIGHUP)
            let caught = try CaughtSignals([SIGHUP, SIGUSR1])
            raise(SIGHUP)
            guard caught.signals == [SIGUSR1], caught.pending().isEmpty else { exit(1) }
            let stubborn = try CaughtSignals([SIGHUP], evenIfIgnored: [SIGHUP])
            raise(SIGHUP)
            guard stubborn.pending() == [SIGHUP] else { exit(2) }
            stubborn.release()
            exit(SignalAction.isIgnored(SIGHUP) ? 7 : 3)
        }
    }

    @Test func twoAtOnceBothSeeAndTheLastGivesBack() async {
        await #expect(processExitsWith: .exitCode(7)) {
            Scratch.takeSignals()
            let first = try CaughtSignals([SIGUSR1])
            let second = try CaughtSignals([SIGUSR1, SIGUSR2])
            raise(SIGUSR1)
            guard first.pending() == [SIGUSR1], second.pending() == [SIGUSR1] else { exit(1) }
            first.release()
            raise(SIGUSR1)
            guard second.pending() == [SIGUSR1] else { exit(2) }
            second.release()
            exit(SignalAction.current(SIGUSR1).isStandard ? 7 : 3)
        }
    }

    @Test func aStreamEndsWithItsRelease() async {
        await #expect(processExitsWith: .exitCode(7)) {
            let caught = try CaughtSignals([SIGUSR1])
            let stream = caught.stream()
            kill(getpid(), SIGUSR1)
            var seen = 0
            for await signal in stream {
                guard signal == SIGUSR1 else { exit(1) }
                seen += 1
                caught.release()
            }
            exit(seen == 1 ? 7 : 2)
        }
    }

    @Test func manyInTurnLeaveNoDescriptorBehind() async {
        await #expect(processExitsWith: .exitCode(7)) {
            Scratch.takeSignals()
            for _ in 0..<8 { try CaughtSignals([SIGUSR1]).release() }
            let before = DirectoryListing.names(in: "/proc/self/fd").count
            for _ in 0..<100 {
                let caught = try CaughtSignals([SIGUSR1])
                raise(SIGUSR1)
                guard caught.pending() == [SIGUSR1] else { exit(1) }
                caught.release()
            }
            // A few may be of the runner's own.
            exit(DirectoryListing.names(in: "/proc/self/fd").count < before + 20 ? 7 : 2)
        }
    }

    @Test func aFloodNobodyReadsStopsNothing() async {
        await #expect(processExitsWith: .exitCode(7)) {
            Scratch.takeSignals()
            let caught = try CaughtSignals([SIGUSR1])
            for _ in 0..<200_000 { raise(SIGUSR1) }
            var count = 0
            while case let came = caught.pending(), !came.isEmpty { count += came.count }
            raise(SIGUSR1)
            exit(count >= 4096 && caught.pending() == [SIGUSR1] ? 7 : 1)
        }
    }

    @Test func callsOnThreadsOfOursAreNotInterrupted() async {
        await #expect(processExitsWith: .exitCode(7)) {
            Scratch.takeSignals()
            let caught = try CaughtSignals([SIGUSR1])
            let code =
                try await Thread.run {
                    var mask = sigset_t()
                    pthread_sigmask(SIG_BLOCK, nil, &mask)
                    // What the thread does wrong itself is still told.
                    guard sigismember(&mask, SIGUSR1) == 1, sigismember(&mask, SIGSEGV) == 0 else { return 3 }
                    var ready = pollfd(fd: -1, events: 0, revents: 0)
                    kill(getpid(), SIGUSR1)
                    return poll(&ready, 1, 200) == 0 ? 7 : 1
                } as CInt
            exit(caught.pending() == [SIGUSR1] ? code : 2)
        }
    }

    @Test func aWriteThatASignalInterruptsGoesOn() async {
        await #expect(processExitsWith: .exitCode(7)) {
            Scratch.takeSignals()
            // Without SA_RESTART: every signal ends the call.
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { _ in }
            sigaction(SIGALRM, &action, nil)
            var every = itimerval(
                it_interval: timeval(tv_sec: 0, tv_usec: 1000), it_value: timeval(tv_sec: 0, tv_usec: 1000))
            setitimer(__itimer_which_t(ITIMER_REAL.rawValue), &every, nil)
            let ends = try PipeEnds()
            try Thread.start {
                var piece = [UInt8](repeating: 0, count: 8192)
                while read(ends.read, &piece, piece.count) > 0 { usleep(1500) }
            }
            let isWritten = [UInt8](repeating: 1, count: 1 << 20).withUnsafeBytes { File.writeAll($0, to: ends.write) }
            exit(isWritten ? 7 : 1)
        }
    }
}
