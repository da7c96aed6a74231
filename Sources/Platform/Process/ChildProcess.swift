import CLinux
public import Glibc

/// A program, started with exactly the descriptors it is given.
///
///     let list = ChildProcess("/usr/bin/lsblk", ["lsblk", "--json"])
///     let output = try list.output(within: .seconds(5), limit: 1 << 20)
public struct ChildProcess: Sendable {
    /// Which of our descriptors becomes which of the child's.
    public struct Descriptor: Sendable {
        /// Ours, which stays open here.
        public let ours: CInt
        /// The child's.
        public let theirs: CInt

        /// - Parameters:
        ///   - ours: an open descriptor.
        ///   - theirs: its number in the child.
        public init(_ ours: CInt, as theirs: CInt) {
            (self.ours, self.theirs) = (ours, theirs)
        }
    }

    /// The program's path.
    public var executable: String
    /// Its arguments, the program's name first.
    public var arguments: [String]
    /// The child's descriptors; every other one is closed in the child.
    public var descriptors: [Descriptor]
    /// Its environment; `nil` is this process's own.
    public var environment: [String: String]?
    /// Whether it leads a session of its own, away from this terminal.
    public var newSession: Bool

    /// - Parameters:
    ///   - executable: the program's path.
    ///   - arguments: the program's name first.
    ///   - descriptors: which of ours become which of the child's; none by default.
    ///   - environment: `nil`, the default, is this process's own.
    ///   - newSession: whether it leads a session of its own; `false` by default.
    public init(
        _ executable: String, _ arguments: [String], descriptors: [Descriptor] = [],
        environment: [String: String]? = nil, newSession: Bool = false
    ) {
        self.executable = executable
        self.arguments = arguments
        self.descriptors = descriptors
        self.environment = environment
        self.newSession = newSession
    }

    /// Starts it, with default signals and an empty mask.
    ///
    /// - Returns: its process id. It is this process's to wait for: ``end(_:grace:)``, ``status(of:within:)``.
    /// - Throws: `SystemError` (`cannotStart`). A child with fewer descriptors than it was given would use ours in their
    ///   place, so there is none then.
    ///
    /// The C function is `posix_spawn`.
    public func start() throws(SystemError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        try check(posix_spawn_file_actions_init(&actions))
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
            try check(posix_spawn_file_actions_adddup2(&actions, copy, pair.theirs))
        }
        try keepFromChildren()

        var attributes = posix_spawnattr_t()
        try check(posix_spawnattr_init(&attributes))
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigfillset(&signals)
        try check(posix_spawnattr_setsigdefault(&attributes, &signals))
        sigemptyset(&signals)
        try check(posix_spawnattr_setsigmask(&attributes, &signals))
        let flags = Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK) | (newSession ? clinux_posix_spawn_setsid : 0)
        try check(posix_spawnattr_setflags(&attributes, flags))

        let argv = CStrings(arguments)
        let variables = environment.map { CStrings($0.map { "\($0.key)=\($0.value)" }) }
        defer {
            argv.free()
            variables?.free()
        }
        var pid: pid_t = 0
        if let variables {
            try check(posix_spawn(&pid, executable, &actions, &attributes, argv.pointers, variables.pointers))
        } else {
            try check(posix_spawn(&pid, executable, &actions, &attributes, argv.pointers, environ))
        }
        return pid
    }

    private struct CStrings {
        let pointers: [UnsafeMutablePointer<CChar>?]

        init(_ texts: [String]) { pointers = texts.map { strdup($0) } + [nil] }

        func free() { for pointer in pointers { Glibc.free(pointer) } }
    }

    private func check(_ code: CInt) throws(SystemError) {
        if code != 0 { throw cannotStart(code) }
    }

    func cannotStart(_ code: CInt) -> SystemError {
        SystemError(.cannotStart, "cannot start \(executable)", code: code)
    }

    /// Marks every descriptor above stderr close-on-exec, those inherited from our caller too.
    private func keepFromChildren() throws(SystemError) {
        let open = DirectoryListing.names(in: "/proc/self/fd").compactMap { CInt($0) }
        guard !open.isEmpty else { throw cannotStart(EMFILE) }
        for descriptor in open where descriptor > STDERR_FILENO {
            // One that another thread has closed meanwhile, or that the listing itself used, reaches no child.
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        }
    }

    /// Finds a program as a shell would: in `PATH`, then where administrators' programs lie.
    ///
    /// - Parameters:
    ///   - name: the program's name.
    ///   - path: directories, separated by colons.
    /// - Returns: its path; `nil` where this user can run none of that name.
    public static func find(_ name: String, path: String?) -> String? {
        let directories =
            (path ?? "").split(separator: ":").map(String.init) + ["/usr/local/sbin", "/usr/sbin", "/sbin"]
        return directories.lazy.map { $0 + "/" + name }.first { file in
            var info = stat()
            return stat(file, &info) == 0 && info.st_mode & S_IFMT == S_IFREG && access(file, X_OK) == 0
        }
    }
}
