import Glibc
import Synchronization
import Testing

@testable import SSH

/// Whether what only root can test is to be tested; with `CI=true` being no root is a failure, not a skip.
let canTestAsRoot = geteuid() == 0 || getenv("CI").map { String(cString: $0) } == "true"

extension OpenSSHServer {
    /// A session whose host key nobody has judged.
    func connect(over socket: CInt? = nil, liveness: Session.Liveness = .init()) async throws -> Session {
        try await Session.connect(
            socket: socket ?? dial(), host: address, port: port, user: user,
            knownHosts: KnownHosts(own: knownHosts, others: []), deadline: .seconds(20), liveness: liveness)
    }

    /// A session that is logged in with the identity the server knows.
    func login(over socket: CInt? = nil, liveness: Session.Liveness = .init()) async throws -> Session {
        let session = try await connect(over: socket, liveness: liveness)
        try await session.authenticate(with: [.identity(path: identity)], deadline: .seconds(20)) { _, _ in nil }
        return session
    }
}

/// Keeps the questions, and answers none.
final class Recorder: Prompter {
    private let state = Mutex<[Question]>([])

    var questions: [Question] { state.withLock { $0 } }

    func answer(_ question: Question) async -> String? {
        state.withLock { $0.append(question) }
        return nil
    }
}

/// Answers with a closure.
struct ClosurePrompter: Prompter {
    let prompt: Session.Prompt

    func answer(_ question: Question) async throws -> String? {
        try await prompt(question.text, question.isAnswerShown)
    }
}

extension Session {
    /// Asks the user: a text to show, and whether the answer may be seen. `nil` where nobody answers.
    typealias Prompt = @Sendable (_ text: String, _ echo: Bool) async throws -> String?

    func authenticate(
        with credentials: [Credential], deadline: Duration, loginDeadline: Duration = .seconds(30),
        agentDeadline: Duration = .seconds(60), prompt: @escaping Prompt
    ) async throws {
        try await authenticate(
            with: credentials, deadline: deadline, loginDeadline: loginDeadline, agentDeadline: agentDeadline,
            prompter: ClosurePrompter(prompt: prompt))
    }

    /// How many waiters news have woken so far.
    var wakings: Int { loop.wakings }

    /// What the session's thread has cost so far.
    var threadTime: Duration {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    /// The most that libssh holds unread for one channel.
    var largestBacklog: Int { channels.values.map(\.backlog).max() ?? 0 }
    var channelCount: Int { channels.count }
}

/// Answers for a prompt, and what was asked.
final class Answers: Sendable {
    private let state: Mutex<(answers: [String], asked: [String])>

    init(_ answers: String...) { state = Mutex((answers, [])) }

    var asked: [String] { state.withLock { $0.asked } }

    var prompt: Session.Prompt {
        { text, _ in
            self.state.withLock { state in
                state.asked.append(text)
                return state.answers.isEmpty ? nil : state.answers.removeFirst()
            }
        }
    }
}

/// The error of an operation that must fail.
func failure(of operation: () async throws -> some Any) async -> SSHError? {
    do {
        _ = try await operation()
        return nil
    } catch {
        return error as? SSHError
    }
}

/// A pipe whose ends close with it.
final class TestPipe: Sendable {
    let reading: CInt
    private let writer: Mutex<CInt>

    var writing: CInt { writer.withLock { $0 } }

    init() {
        var ends: [CInt] = [-1, -1]
        pipe(&ends)
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        reading = ends[0]
        writer = Mutex(ends[1])
    }

    func closeWriting() {
        writer.withLock {
            if $0 >= 0 { close($0) }
            $0 = -1
        }
    }

    /// Everything until the end of file, or until there are so many bytes.
    ///
    /// Read on a thread of its own: Swift's pool may have but two, and the session's peer needs one of them.
    func read(_ limit: Int = .max) async -> [UInt8] {
        await withCheckedContinuation { continuation in
            Thread.detach { [reading] in
                var all: [UInt8] = []
                var chunk = [UInt8](repeating: 0, count: 1 << 16)
                while all.count < limit {
                    let count = Glibc.read(reading, &chunk, min(chunk.count, limit - all.count))
                    if count <= 0 { break }
                    all += chunk[..<count]
                }
                continuation.resume(returning: all)
            }
        }
    }

    deinit {
        close(reading)
        closeWriting()
    }
}

/// A plain thread, as blocking reads don't belong in Swift's own pool.
enum Thread {
    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    static func detach(_ body: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let argument = Unmanaged.passRetained(Body(body)).toOpaque()
        pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            }, argument)
        pthread_detach(thread)
    }
}

/// Waits until something is so, within bounds.
func eventually(within limit: Duration = .seconds(20), _ condition: () -> Bool) async -> Bool {
    let end = ContinuousClock.now + limit
    while ContinuousClock.now < end {
        if condition() { return true }
        try? await Task.sleep(for: .milliseconds(20))
    }
    return condition()
}

/// Bytes that no codec leaves alone by chance.
func noise(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var state = seed
    return [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
        for index in 0..<count {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            buffer[index] = UInt8(truncatingIfNeeded: state >> 33)
        }
        used = count
    }
}
