import Core
import Glibc
import Platform

/// Held while a process of this toolkit changes something of the host's firewall.
struct HostLock {
    private let descriptor: CInt

    /// Waits for it.
    ///
    /// - Parameters:
    ///   - paths: names the runtime directory, where it lies: that of the switches may be full, or read-only.
    ///   - deadline: how long to wait; 10 s by default.
    /// - Throws: `ScoutError`: `refused`, `cannotCreate` where the directory or the file is not to be had, `busy` after the
    ///   deadline.
    init(_ paths: Paths, within deadline: Duration = .seconds(10)) async throws(ScoutError) {
        let directory = try ScoutError.wrap(PrivateDirectory(paths.runtimeDirectory))
        let end = ContinuousClock.now + deadline
        while true {
            if let lock = try ScoutError.wrap(directory.takeLock("host-firewall.lock")) {
                descriptor = lock
                return
            }
            guard ContinuousClock.now < end else {
                throw ScoutError(
                    .busy,
                    "another scout has been changing the firewall for \(deadline.components.seconds) seconds",
                    hint: "run it again")
            }
            // A task that is cancelled sleeps no longer, and looks the more often until the deadline.
            try? await Task.sleep(for: .milliseconds(50))
        }
    }

    func release() { close(descriptor) }
}
