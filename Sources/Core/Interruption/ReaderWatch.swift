import Glibc
import Platform

/// Ends a command that only reads when nobody can read its answer any more: the session it was started over is gone, or the
/// program behind the pipe. Without it a hash of a whole disk would go on for hours after its expert has left.
public enum ReaderWatch {
    /// Watches standard output on a thread of its own. The C function is `poll`, which tells the far end's leaving unasked.
    ///
    /// - Parameter tell: says why the process ends, with the status for I/O errors.
    public static func start(_ tell: @escaping @Sendable (ScoutError) -> Void) {
        // Without the thread the command still does its work; it only ends later.
        try? Thread.start {
            var output = pollfd(fd: STDOUT_FILENO, events: 0, revents: 0)
            while poll(&output, 1, -1) < 0, errno == EINTR || errno == EAGAIN {}
            guard output.revents & Int16(POLLERR | POLLHUP) != 0 else { return }
            // What a result that can't be written comes to, only earlier.
            let error = ScoutError(.io, "nobody reads standard output any more")
            tell(error)
            _exit(error.code.exitStatus)
        }
    }
}
