import Core
import FoundationEssentials
import Synchronization

/// When what happened, and how fast: the manifest's part of the events.
struct Timeline: Sendable {
    /// UTC, ISO 8601; empty before the event.
    private(set) var startedAt = ""
    /// UTC, ISO 8601; empty before the event.
    private(set) var finishedAt = ""
    /// Bytes of the image per second, holes included, while it was read once.
    private(set) var averageBytesPerSecond: UInt64 = 0
    private var readingSince = ContinuousClock.now

    /// Notes an event that happens now.
    mutating func note(_ event: Event) {
        switch event {
        case .began:
            startedAt = Self.now()
            readingSince = .now
        case .connected:
            readingSince = .now
        case .read(let sizeBytes):
            let seconds = max((ContinuousClock.now - readingSince) / .seconds(1), 0.001)
            averageBytesPerSecond = UInt64(Double(sizeBytes) / seconds)
        case .completed:
            finishedAt = Self.now()
        case .progress, .readError, .synced, .verified, .comparedWithSource, .named, .ended:
            break
        }
    }

    private static func now() -> String { Date().formatted(.iso8601) }
}

/// Tells a listener of each event, and keeps the timeline. May be used from any thread.
final class Journal: Sendable {
    private let state = Mutex(Timeline())
    private let listener: @Sendable (Event) -> Void

    /// - Parameter listener: called on the thread on which something happens; who takes long there holds the work up.
    init(_ listener: @escaping @Sendable (Event) -> Void) {
        self.listener = listener
    }

    /// What has been noted so far.
    var timeline: Timeline { state.withLock { $0 } }

    /// Notes an event that happens now.
    func note(_ event: Event) {
        state.withLock { $0.note(event) }
        listener(event)
    }

    /// Runs work, and notes how it ended.
    func ending<Result>(_ body: () async throws -> Result) async throws -> Result {
        do {
            let result = try await body()
            note(.ended(nil))
            return result
        } catch {
            note(.ended(ScoutError.known(error) ?? ScoutError(.failed, "\(error)")))
            throw error
        }
    }
}
