import Glibc

/// The descriptors 0, 1 and 2.
public enum StandardDescriptors {
    /// Opens those that are closed on `/dev/null`, so that no file of ours gets their numbers, and an image the text of
    /// an error.
    ///
    /// Standard output is opened for reading: a result that nobody can get is a failure (`EBADF`), as it was before.
    /// Call it before anything else. Where even this can't be had, the process ends with the status for I/O errors.
    public static func open() {
        for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(descriptor, F_GETFD) < 0 {
            // The lowest free number, as those below it are open.
            let mode = descriptor == STDOUT_FILENO ? O_RDONLY : O_RDWR
            if Glibc.open("/dev/null", mode) != descriptor { _exit(74) }
        }
    }
}
