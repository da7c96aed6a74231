import Core
import Glibc

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
        let lifted = descriptors.map { (ours: fcntl($0.ours, F_DUPFD_CLOEXEC, 64), theirs: $0.theirs) }
        defer { for pair in lifted where pair.ours >= 0 { close(pair.ours) } }
        for pair in lifted { posix_spawn_file_actions_adddup2(&actions, pair.ours, pair.theirs) }
        Self.keepFromChildren()

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
        guard code == 0 else {
            throw ScoutError(.failed, "\(executable): \(String(cString: strerror(code)))")
        }
        return pid
    }

    /// Marks every descriptor above stderr close-on-exec, those inherited from our caller too.
    private static func keepFromChildren() {
        for descriptor in Directory.entries("/proc/self/fd").compactMap({ CInt($0) }) where descriptor > STDERR_FILENO {
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        }
    }

    /// Finds a program as a shell would: in `PATH`, then where administrators' programs lie.
    static func find(_ name: String, path: String?) -> String? {
        let directories =
            (path ?? "").split(separator: ":").map(String.init) + ["/usr/local/sbin", "/usr/sbin", "/sbin"]
        return directories.lazy.map { $0 + "/" + name }.first { access($0, X_OK) == 0 }
    }

    /// Ends a child: asks, waits, then kills; always reaps it.
    ///
    /// - Parameters:
    ///   - pid: a child of this process.
    ///   - grace: how long it may take to leave by itself.
    static func end(_ pid: pid_t, grace: Duration = .seconds(1)) {
        kill(pid, SIGTERM)
        let deadline = ContinuousClock.now + grace
        while ContinuousClock.now < deadline {
            if waitpid(pid, nil, WNOHANG) != 0 { return }
            usleep(5000)
        }
        kill(pid, SIGKILL)
        waitpid(pid, nil, 0)
    }
}
