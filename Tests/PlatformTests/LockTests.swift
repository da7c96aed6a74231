import Glibc
import Platform
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct LockTests {
    @Test func oneHoldsItAndItEndsWithTheLastCopy() throws {
        try Scratch.with { path in
            let directory = try PrivateDirectory(path)
            #expect(!directory.isLocked("x"))
            let lock = try #require(try directory.takeLock("x"))
            #expect(directory.isLocked("x"))
            #expect(try directory.takeLock("x") == nil)
            let copy = dup(lock)
            close(lock)
            #expect(directory.isLocked("x"))
            close(copy)
            #expect(!directory.isLocked("x"))
            let again = try directory.takeLock("x")
            #expect(again != nil)
            if let again { close(again) }
        }
    }

    @Test func aLookIsInNobodysWay() async throws {
        let path = "/tmp/scout-platform-\(UInt64.random(in: 0 ... .max))"
        mkdir(path, 0o700)
        defer {
            unlink(path + "/x")
            rmdir(path)
        }
        let directory = try PrivateDirectory(path)
        let first = try directory.takeLock("x")
        if let first { close(first) }
        let end = try Cancellation(CancellationError())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    await Thread.blocking { while !end.isCancelled { _ = directory.isLocked("x") } }
                }
            }
            group.addTask {
                defer { end.cancel() }
                try await Thread.run {
                    for _ in 0..<3000 {
                        let file = try #require(try directory.open("x", O_RDWR))
                        // Without a second attempt.
                        #expect(try FileLock.take(file))
                        close(file)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test func theHoldersDeathEndsItAndAPassedDescriptorHoldsIt() throws {
        try Scratch.with { path in
            let directory = try PrivateDirectory(path)
            let lock = try #require(try directory.takeLock("x"))
            let child = ChildProcess("/bin/sleep", ["sleep", "84"], descriptors: [.init(lock, as: 4)])
            let pid = try child.start()
            close(lock)
            #expect(directory.isLocked("x"))
            #expect(try directory.takeLock("x") == nil)
            kill(pid, SIGKILL)
            #expect(ChildProcess.hasLeft(pid, within: .seconds(5)))
            #expect(!directory.isLocked("x"))
        }
    }

    /// What earlier versions hold and look for is a `flock` alone.
    @Test func whoKnowsTheOtherKindOnlyIsKeptOutAndKeepsOut() throws {
        try Scratch.with { path in
            let directory = try PrivateDirectory(path)
            let theirs = open(path + "/x", O_RDWR | O_CREAT, 0o600)
            #expect(flock(theirs, LOCK_EX | LOCK_NB) == 0)
            #expect(try directory.takeLock("x") == nil)
            flock(theirs, LOCK_UN)
            let ours = try directory.takeLock("x")
            #expect(ours != nil && flock(theirs, LOCK_EX | LOCK_NB) != 0)
            close(theirs)
            if let ours { close(ours) }
        }
    }

    @Test func aFileThatWasReplacedUnderItsLockDoesNotCount() throws {
        try Scratch.with { path in
            let directory = try PrivateDirectory(path)
            let lock = try #require(try directory.takeLock("x"))
            defer { close(lock) }
            directory.remove("x")
            let second = try directory.takeLock("x")
            #expect(second != nil)
            if let second { close(second) }
        }
    }

    /// Who waits for the file that was removed meanwhile holds nothing.
    @Test func manyWhoRemoveItAreNeverTwo() async throws {
        final class Holders: Sendable {
            let now = Atomic(0)
            let most = Atomic(0)
        }
        let path = "/tmp/scout-platform-\(UInt64.random(in: 0 ... .max))"
        mkdir(path, 0o700)
        defer {
            unlink(path + "/x")
            rmdir(path)
        }
        let directory = try PrivateDirectory(path)
        let holders = Holders()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    try await Thread.run {
                        for _ in 0..<2000 {
                            guard let lock = try directory.takeLock("x") else { continue }
                            let count = holders.now.add(1, ordering: .sequentiallyConsistent).newValue
                            if count > 1 { holders.most.store(count, ordering: .relaxed) }
                            holders.now.subtract(1, ordering: .sequentiallyConsistent)
                            // From here on it holds nothing.
                            directory.remove("x")
                            close(lock)
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(holders.most.load(ordering: .relaxed) == 0)
    }

    @Test func aDirectoryIsWaitedForUntilTheDeadline() throws {
        try Scratch.with { path in
            let first = open(path, O_RDONLY | O_DIRECTORY)
            let second = open(path, O_RDONLY | O_DIRECTORY)
            defer {
                close(first)
                close(second)
            }
            try FileLock.waitForDirectory(first, within: .zero)
            let error = #expect(throws: SystemError.self) {
                try FileLock.waitForDirectory(second, within: .milliseconds(50))
            }
            #expect(error?.kind == .busy)
            flock(first, LOCK_UN)
            #expect(throws: Never.self) { try FileLock.waitForDirectory(second, within: .zero) }
        }
    }
}
