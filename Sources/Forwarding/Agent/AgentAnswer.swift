import Core
import Glibc
import Synchronization

/// The agent's answer, made on a thread of its own when somebody wants it, and kept for a second.
final class AgentAnswer: Sendable {
    private struct State {
        var bytes: [UInt8]?
        var madeAt = ContinuousClock.now
        var isInTheMaking = false
    }

    /// How long an answer serves everybody who asks.
    static let lifetime = Duration.seconds(1)

    /// Readable when an answer is there.
    let wakeDescriptor: CInt
    private let wakeWriter: CInt
    private let state = Mutex(State())
    private let make: @Sendable () throws(ScoutError) -> ForwardsReport

    init(_ make: @escaping @Sendable () throws(ScoutError) -> ForwardsReport) throws(ScoutError) {
        var ends: [CInt] = [-1, -1]
        guard pipe(&ends) == 0 else { throw ScoutError(.io, "a pipe: \(String(cString: strerror(errno)))") }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        (wakeDescriptor, wakeWriter) = (ends[0], ends[1])
        self.make = make
    }

    deinit {
        close(wakeDescriptor)
        close(wakeWriter)
    }

    /// The answer if there is a fresh one; else it is begun, unless it is in the making already.
    func take() -> [UInt8]? {
        let mustBegin = state.withLock { state in
            if let bytes = state.bytes, ContinuousClock.now - state.madeAt < Self.lifetime {
                return Result.fresh(bytes)
            }
            if state.isInTheMaking { return .wait }
            state.isInTheMaking = true
            return .begin
        }
        switch mustBegin {
        case .fresh(let bytes): return bytes
        case .wait: return nil
        case .begin:
            do { try PlainThread.start { [self] in produce() } } catch { finish(Self.bytes(error)) }
            return nil
        }
    }

    /// Empties the wake-up pipe.
    func drain() {
        var word = [UInt8](repeating: 0, count: 64)
        while read(wakeDescriptor, &word, word.count) > 0 {}
    }

    private enum Result {
        case fresh([UInt8])
        case wait
        case begin
    }

    private func produce() {
        do throws(ScoutError) {
            let report = try make()
            finish((try? JSON.encode(report)).map { Array($0) + [10] } ?? Self.bytes(ScoutError(.failed, "no answer")))
        } catch {
            // The words may tell of the host what is nobody's business.
            finish(
                Self.bytes(
                    ScoutError(error.code, "the host's rules can't be read", hint: "ask the owner to look at the agent")
                ))
        }
    }

    private func finish(_ bytes: [UInt8]) {
        state.withLock { $0 = State(bytes: bytes, madeAt: .now, isInTheMaking: false) }
        var byte: UInt8 = 0
        _ = write(wakeWriter, &byte, 1)
    }

    /// An error as an answer.
    static func bytes(_ error: ScoutError) -> [UInt8] {
        (try? JSON.encode(error)).map { Array($0) + [10] } ?? []
    }
}
