import CLibSSH
import Glibc

/// Keeps session threads out of libssh once the process ends.
///
/// `exit` frees what OpenSSL and libssh share among sessions while our threads still run, and a session that is just
/// being closed would crash a process that has done its work. Our handler runs before theirs.
final class ExitLock: Sendable {
    static let shared = ExitLock()

    /// Held for reading by whoever is in libssh, and for writing for ever from the exit on. The pointer never changes.
    private nonisolated(unsafe) let lock = UnsafeMutablePointer<pthread_rwlock_t>.allocate(capacity: 1)

    private init() {
        pthread_rwlock_init(lock, nil)
        // OpenSSL registers its own handler when it is first used, and what is registered last runs first.
        var byte: UInt8 = 0
        ssh_get_random(&byte, 1, 0)
        atexit { ExitLock.shared.shut() }
    }

    /// Runs a body that may use libssh; doesn't return where the process ends.
    func read<Result>(_ body: () -> Result) -> Result {
        pthread_rwlock_rdlock(lock)
        defer { pthread_rwlock_unlock(lock) }
        return body()
    }

    /// Waits for those inside, but no second longer: an agent may hold one of them.
    private func shut() {
        var end = timespec()
        clock_gettime(CLOCK_REALTIME, &end)
        end.tv_sec += 1
        pthread_rwlock_timedwrlock(lock, &end)
    }
}
