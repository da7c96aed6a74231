public import Core
public import FoundationEssentials
import Glibc
import Platform
import Synchronization

/// An acquisition that is at work on this machine, as `status` shows it.
public struct RunningAcquisition: Codable, Sendable {
    /// The process.
    public var pid: Int32
    /// The scout it works on, or the URI.
    public var target: String
    /// What is acquired.
    public var source: String
    /// The file it becomes.
    public var image: String
    /// When that began.
    public var startedAt: Date
    /// `reading` or `verifying`.
    public var phase = "reading"
    /// How much of the image is done.
    public var doneBytes: UInt64 = 0
    /// The size of the image.
    public var totalBytes: UInt64 = 0
    /// The rate of late.
    public var bytesPerSecond: UInt64 = 0

    /// - Parameters: one for each property, in their order; nothing is done yet.
    public init(pid: Int32, target: String, source: String, image: String, startedAt: Date) {
        self.pid = pid
        self.target = target
        self.source = source
        self.image = image
        self.startedAt = startedAt
    }

    private static func directory(_ paths: Paths) -> String { paths.runtimeDirectory + "/acquisitions" }

    /// Those that run now. A record counts while its process holds the lock on it; those of the dead are removed.
    static func all(_ paths: Paths) -> [RunningAcquisition] {
        guard let directory = try? PrivateDirectory(directory(paths)) else { return [] }
        return directory.names().filter { $0.hasSuffix(".lock") }.sorted().compactMap { name in
            let record = "\(name.dropLast(5)).json"
            do throws(SystemError) {
                // Taken before anything is removed: a holder of an earlier version is not seen by looking.
                if !directory.isLocked(name), let lock = try directory.takeLock(name) {
                    directory.remove(record)
                    directory.remove(name)
                    close(lock)
                    return nil
                }
            } catch {
                // What is not a plain file of this user's is not a record of ours.
                return nil
            }
            guard let content = try? directory.read(record) else { return nil }
            return try? JSON.decoder().decode(RunningAcquisition.self, from: Data(content))
        }
    }

    /// Keeps the record of one acquisition, for as long as it lives. A record that can't be kept is no failure.
    public final class Record: Sendable {
        private struct State {
            var content: RunningAcquisition
            var written = ContinuousClock.now - .seconds(10)
        }

        private let directory: PrivateDirectory?
        /// -1 where there is no record.
        private let lock: CInt
        private let name: String
        private let state: Mutex<State>

        /// - Parameters:
        ///   - content: what is known at the start.
        ///   - paths: where records are.
        public init(_ content: RunningAcquisition, _ paths: Paths) {
            let opened = try? PrivateDirectory(RunningAcquisition.directory(paths))
            directory = opened
            name = "\(content.pid)"
            lock = (try? opened?.takeLock("\(name).lock")) ?? -1
            state = Mutex(State(content: content))
            write(content)
        }

        /// Notes how far it has come, once a second at most; may be called on any thread.
        ///
        /// - Parameters:
        ///   - phase: `reading` or `verifying`.
        ///   - doneBytes: how much of the image is done.
        ///   - totalBytes: the image's size.
        ///   - bytesPerSecond: the rate of late.
        public func note(phase: String, doneBytes: UInt64, totalBytes: UInt64, bytesPerSecond: UInt64) {
            state.withLock { state in
                guard lock >= 0, ContinuousClock.now - state.written > .seconds(1) else { return }
                state.written = .now
                state.content.phase = phase
                state.content.doneBytes = doneBytes
                state.content.totalBytes = totalBytes
                state.content.bytesPerSecond = bytesPerSecond
                write(state.content)
            }
        }

        /// News for status; the acquisition goes on without.
        private func write(_ content: RunningAcquisition) {
            guard lock >= 0, let bytes = try? JSON.encoder().encode(content) else { return }
            try? directory?.replace("\(name).json", with: bytes)
        }

        deinit {
            guard lock >= 0 else { return }
            directory?.remove("\(name).json")
            directory?.remove("\(name).lock")
            close(lock)
        }
    }
}
