import Core
import Glibc
import Platform

/// Starts a program with exactly the descriptors it is given.
struct ChildProcess {
    /// The program's path.
    var executable: String
    /// Its arguments, the program's name first.
    var arguments: [String]
    /// Which of our descriptors become which of the child's; every other one is closed in the child.
    var descriptors: [(ours: CInt, theirs: CInt)]
    /// Whether it leads a session of its own, away from this terminal.
    var newSession = false

    /// Starts it, with default signals and an empty mask. The C function is `posix_spawn`.
    ///
    /// - Returns: its process id.
    /// - Throws: `ScoutError` (`failed`) where the program can't be started.
    func start() throws(ScoutError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // Lifted above every target number first, so that no dup2 overwrites a descriptor still to be placed.
        let firstFree = (descriptors.map(\.theirs).max() ?? STDERR_FILENO) + 1
        var lifted: [CInt] = []
        // Closing a copy loses nothing.
        defer { for copy in lifted { close(copy) } }
        for pair in descriptors {
            let copy = fcntl(pair.ours, F_DUPFD_CLOEXEC, firstFree)
            guard copy >= 0 else { throw cannotStart(errno) }
            lifted.append(copy)
            let code = posix_spawn_file_actions_adddup2(&actions, copy, pair.theirs)
            guard code == 0 else { throw cannotStart(code) }
        }
        try keepFromChildren()

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        let flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | (newSession ? 0x80 : 0)  // POSIX_SPAWN_SETSID
        posix_spawnattr_setflags(&attributes, Int16(flags))

        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        argv.append(nil)
        defer { for argument in argv { free(argument) } }
        var pid: pid_t = 0
        let code = posix_spawn(&pid, executable, &actions, &attributes, argv, environ)
        guard code == 0 else { throw cannotStart(code) }
        return pid
    }

    /// A child with fewer descriptors than it was given would use ours in their place.
    private func cannotStart(_ code: CInt) -> ScoutError {
        ScoutError(
            .failed, "cannot start \(executable): \(String(cString: strerror(code)))",
            hint: code == EMFILE || code == EINVAL ? "'ulimit -n' shows how many files may be open: allow more" : nil)
    }

    /// Marks every descriptor above stderr close-on-exec, those inherited from our caller too.
    private func keepFromChildren() throws(ScoutError) {
        let open = Directory.entries("/proc/self/fd").compactMap { CInt($0) }
        guard !open.isEmpty else { throw cannotStart(EMFILE) }
        for descriptor in open where descriptor > STDERR_FILENO {
            // One that another thread has closed meanwhile, or that the listing itself used, reaches no child.
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        }
    }

    /// Finds a program as a shell would: in `PATH`, then where administrators' programs lie.
    static func find(_ name: String, path: String?) -> String? {
        let directories =
            (path ?? "").split(separator: ":").map(String.init) + ["/usr/local/sbin", "/usr/sbin", "/sbin"]
        return directories.lazy.map { $0 + "/" + name }.first { access($0, X_OK) == 0 }
    }

    /// Ends a child: asks, waits, then kills. A child that the kernel won't let go of (it reads from a disk that does not
    /// answer) is killed but not waited for: it ends when the kernel lets it, and is reaped by whoever is its parent then.
    ///
    /// - Parameters:
    ///   - pid: a child of this process.
    ///   - grace: how long it may take to leave by itself.
    static func end(_ pid: pid_t, grace: Duration = .seconds(1)) {
        kill(pid, SIGTERM)
        if hasLeft(pid, within: grace) { return }
        kill(pid, SIGKILL)
        _ = hasLeft(pid, within: .seconds(1))
    }

    /// Waits for a child, and reaps it.
    static func hasLeft(_ pid: pid_t, within grace: Duration) -> Bool {
        let deadline = ContinuousClock.now + grace
        repeat {
            if waitpid(pid, nil, WNOHANG) != 0 { return true }
            usleep(5000)
        } while ContinuousClock.now < deadline
        return false
    }

    /// What a program printed.
    struct Output {
        var bytes: [UInt8] = []
        /// Its exit status as `waitpid` has it; `nil` where it did not end in time.
        var status: CInt?
    }

    /// Runs it to its end and keeps what it prints. Its stderr and stdin are `/dev/null`.
    ///
    /// - Parameters:
    ///   - deadline: when it and all it has started are killed, and no longer waited for.
    ///   - limit: how many bytes it may print; one that prints more is killed.
    /// - Throws: `ScoutError` where it can't be started.
    func output(within deadline: Duration, limit: Int) throws(ScoutError) -> Output {
        let end = ContinuousClock.now + deadline
        var ends: [CInt] = [-1, -1]
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        // Not a pipe: only a socket is close-on-exec from its first moment on, and other threads start programs, too.
        let kind = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard null >= 0, socketpair(AF_UNIX, kind, 0, &ends) == 0 else {
            if null >= 0 { close(null) }
            throw ScoutError(.failed, "no socket pair to be had: \(String(cString: strerror(errno)))")
        }
        defer { close(ends[0]) }
        var command = self
        command.newSession = true
        command.descriptors += [(null, STDIN_FILENO), (ends[1], STDOUT_FILENO), (null, STDERR_FILENO)]
        let child = Result { () throws(ScoutError) in try command.start() }
        close(ends[1])
        close(null)
        let pid = try child.get()
        var output = Output()
        var piece = [UInt8](repeating: 0, count: 65536)
        while output.bytes.count <= limit {
            var ready = pollfd(fd: ends[0], events: Int16(POLLIN), revents: 0)
            let left = end - .now
            guard left > .zero else { break }
            guard poll(&ready, 1, left.pollTimeout) > 0 else { continue }
            let count = read(ends[0], &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                output.status = Self.status(of: pid, until: end)
                break
            }
            output.bytes += piece[..<count]
        }
        if output.status == nil {
            kill(-pid, SIGKILL)
            _ = Self.hasLeft(pid, within: .milliseconds(100))
        }
        return output
    }

    private static func status(of pid: pid_t, until end: ContinuousClock.Instant) -> CInt? {
        var status: CInt = 0
        repeat {
            if waitpid(pid, &status, WNOHANG) == pid { return status }
            usleep(1000)
        } while ContinuousClock.now < end
        return nil
    }
}
