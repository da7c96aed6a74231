import CLinux
import Glibc

/// Exclusive locks on files. They belong to the open file description: whoever inherits or is passed the descriptor holds
/// the lock, and the kernel ends it with the last copy, however its holder dies.
///
/// A lock is two: an open file description lock (`F_OFD_SETLK`, fcntl(2)), since only that can be looked at without being
/// taken, and a `flock`, which is what versions before this one hold and look for, and what proc(5) shows of a gate. Both
/// have the same owner, so neither is ever in the other's way.
public enum FileLock {
    /// Takes the lock on a file without waiting.
    ///
    /// - Parameter descriptor: open for writing.
    /// - Returns: `false` where somebody else holds it.
    /// - Throws: `SystemError` (`io`) for all else.
    public static func take(_ descriptor: CInt) throws(SystemError) -> Bool {
        guard try isDone(flock(descriptor, LOCK_EX | LOCK_NB)) else { return false }
        if try isDone(clinux_lock(descriptor, 1)) { return true }
        // Somebody who knows the other kind only. Giving back what was just taken can't fail.
        flock(descriptor, LOCK_UN)
        return false
    }

    /// Whether somebody else would keep ``take(_:)`` from the lock. A look, which is in nobody's way.
    ///
    /// A holder of an earlier version is not seen, as it has the `flock` alone: who wants to remove what is not held takes
    /// the lock first.
    ///
    /// - Parameter descriptor: open for reading or writing, and not the holder's own.
    public static func isHeld(_ descriptor: CInt) -> Bool { clinux_is_locked(descriptor) == 1 }

    /// Takes the lock on a directory, which can carry a `flock` only, or waits for it.
    ///
    /// - Parameters:
    ///   - descriptor: an open directory.
    ///   - deadline: how long to wait.
    /// - Throws: `SystemError`: `busy` after the deadline, `io`.
    ///
    /// Blocks the calling thread.
    public static func waitForDirectory(_ descriptor: CInt, within deadline: Duration) throws(SystemError) {
        let end = ContinuousClock.now + deadline
        while !(try isDone(flock(descriptor, LOCK_EX | LOCK_NB))) {
            guard ContinuousClock.now < end else { throw SystemError(.busy, "somebody else holds the lock") }
            usleep(5000)
        }
    }

    private static func isDone(_ status: CInt) throws(SystemError) -> Bool {
        if status == 0 { return true }
        // EACCES is what some systems say for EAGAIN (fcntl(2)).
        if [EWOULDBLOCK, EAGAIN, EACCES, EINTR].contains(errno) { return false }
        throw SystemError("lock", code: errno)
    }
}
