import Core
import FoundationEssentials
import Platform
import Synchronization

/// The facts, found out on a thread of their own, one at a time, and kept for a second.
///
/// The thread may outlive the agent; it holds this object, so nothing it writes to is gone.
final class ForwardsCache: Sendable {
    private struct State {
        var isRunning = false
        var answer: [UInt8] = []
        var finishedAt: ContinuousClock.Instant?
    }

    private let wake: WakeEvent
    private let find: @Sendable () -> Result<ForwardsReport, ScoutError>
    private let state = Mutex(State())

    private let lifetime: Duration

    /// - Parameters:
    ///   - lifetime: how long an answer is repeated.
    ///   - find: finds out the facts; runs on a thread of its own, never twice at a time.
    /// - Throws: `ScoutError` (`io`) where the system has no descriptor.
    init(lifetime: Duration, _ find: @escaping @Sendable () -> Result<ForwardsReport, ScoutError>) throws(ScoutError) {
        wake = try ScoutError.wrap(WakeEvent())
        self.lifetime = lifetime
        self.find = find
    }

    /// Readable after an evaluation has ended, until ``drain()``.
    var descriptor: CInt { wake.descriptor }

    /// The answer, if one is young enough; else `nil`, and one is on its way.
    func answer() -> [UInt8]? {
        let (answer, mustStart) = state.withLock { state -> ([UInt8]?, Bool) in
            if let at = state.finishedAt, ContinuousClock.now < at + lifetime { return (state.answer, false) }
            if state.isRunning { return (nil, false) }
            state.isRunning = true
            return (nil, true)
        }
        if mustStart {
            do throws(ScoutError) { try ScoutError.wrap(Thread.start { [self] in evaluate() }) } catch {
                finish(Self.bytes(error))
            }
        }
        return answer
    }

    func drain() { wake.drain() }

    private func finish(_ answer: [UInt8]) {
        state.withLock { $0 = State(isRunning: false, answer: answer, finishedAt: .now) }
        wake.signal()
    }

    private func evaluate() {
        switch find() {
        case .success(let report): finish(Self.bytes(report))
        // The words of a failure may quote anything of the host's, so they stay there.
        case .failure(let error):
            finish(
                Self.bytes(
                    ScoutError(
                        error.code, "the host can't evaluate its rules",
                        hint: "the owner sees why with: scout host forwarding show")))
        }
    }

    private static func bytes(_ report: ForwardsReport) -> [UInt8] {
        guard let data = try? JSON.encode(report), data.count < AgentProtocol.longestAnswer else {
            return bytes(ScoutError(.io, "the host's answer is too long"))
        }
        return Array(data) + [UInt8(ascii: "\n")]
    }

    /// An error as it is sent.
    static func bytes(_ error: ScoutError) -> [UInt8] {
        let data = (try? JSON.encode(error)) ?? Data(#"{"error":{"code":"io","message":"no answer"}}"#.utf8)
        return Array(data) + [UInt8(ascii: "\n")]
    }
}
