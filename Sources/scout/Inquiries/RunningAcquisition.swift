import Core
import FoundationEssentials
import Glibc
import Imaging
import Synchronization

/// An acquisition that is at work on this machine, as `status` shows it.
struct RunningAcquisition: Codable, Sendable {
    /// The process.
    var pid: Int32
    /// The scout it works on, or the URI.
    var target: String
    var source: String
    var image: String
    var startedAt: Date
    /// `reading` or `verifying`.
    var phase = Progress.Phase.reading.rawValue
    var doneBytes: UInt64 = 0
    var totalBytes: UInt64 = 0
    var bytesPerSecond: UInt64 = 0

    private static func directory(_ paths: Paths) -> String { paths.runtimeDirectory + "/acquisitions" }

    /// Those that run now. A record counts while its process holds the lock on it.
    static func all(_ paths: Paths) -> [RunningAcquisition] {
        let directory = directory(paths)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.filter { $0.hasSuffix(".lock") }.sorted().compactMap { name in
            let lock = open("\(directory)/\(name)", O_RDONLY | O_CLOEXEC)
            guard lock >= 0 else { return nil }
            defer { close(lock) }
            let record = "\(directory)/\(name.dropLast(5)).json"
            guard flock(lock, LOCK_SH | LOCK_NB) != 0 else {
                // Nobody holds it: what a killed process left behind.
                unlink(record)
                unlink("\(directory)/\(name)")
                return nil
            }
            let bytes = (try? File.read(record)).flatMap { $0 } ?? []
            return try? JSON.decoder().decode(RunningAcquisition.self, from: Data(bytes))
        }
    }

    /// Keeps the record of one acquisition, for as long as it lives. A record that can't be kept is no failure.
    final class Record: Sendable {
        private struct State {
            var content: RunningAcquisition
            var written = ContinuousClock.now - .seconds(10)
        }

        private let lock: CInt
        private let lockPath: String
        private let path: String
        private let state: Mutex<State>

        init(_ content: RunningAcquisition, _ paths: Paths) {
            let directory = RunningAcquisition.directory(paths)
            try? File.makePrivateDirectory(directory)
            lockPath = "\(directory)/\(content.pid).lock"
            path = "\(directory)/\(content.pid).json"
            lock = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
            if lock >= 0 { flock(lock, LOCK_EX | LOCK_NB) }
            state = Mutex(State(content: content))
        }

        /// Notes how far it has come, once a second at most; may be called on any thread.
        func note(_ progress: Progress) {
            state.withLock { state in
                guard lock >= 0, ContinuousClock.now - state.written > .seconds(1) else { return }
                state.written = .now
                state.content.phase = progress.phase.rawValue
                state.content.doneBytes = progress.doneBytes
                state.content.totalBytes = progress.totalBytes
                state.content.bytesPerSecond = progress.bytesPerSecond
                if let bytes = try? JSON.encoder().encode(state.content) { try? File.replace(path, with: bytes) }
            }
        }

        deinit {
            guard lock >= 0 else { return }
            unlink(path)
            unlink(lockPath)
            close(lock)
        }
    }
}
