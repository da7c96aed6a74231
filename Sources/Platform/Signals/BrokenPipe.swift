import Glibc

/// Writing to a pipe that nobody reads, in a process that need not ignore SIGPIPE.
enum BrokenPipe {
    /// Makes a call in which a broken pipe is the error `EPIPE` and nothing else. `errno` is the call's afterwards.
    static func asError<Value>(_ call: () -> Value) -> Value {
        var pipe = sigset_t()
        sigemptyset(&pipe)
        sigaddset(&pipe, SIGPIPE)
        var pending = sigset_t()
        sigpending(&pending)
        let wasPending = sigismember(&pending, SIGPIPE) == 1
        var before = sigset_t()
        guard pthread_sigmask(SIG_BLOCK, &pipe, &before) == 0 else { return call() }
        let value = call()
        let code = errno
        var none = timespec()
        // The signal is this thread's own, so nobody else can have waited for it.
        if code == EPIPE, !wasPending { sigtimedwait(&pipe, nil, &none) }
        pthread_sigmask(SIG_SETMASK, &before, nil)
        errno = code
        return value
    }
}
