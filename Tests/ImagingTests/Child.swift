import Foundation
import Testing

/// A program that a test started; found and ended by its process number.
///
/// Not Foundation's `Process`: that learns of an end through a descriptor which programs started at the same time
/// inherit, and then waits for them as well.
final class Child {
    let pid: pid_t
    private var status: CInt?

    /// - Parameters:
    ///   - arguments: looked up in the administrators' `PATH`.
    ///   - output: a file for what it prints, and `errors` for what it says; nowhere by default.
    init(_ arguments: [String], output: String = "/dev/null", errors: String = "/dev/null") throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (descriptor, path) in [(CInt(1), output), (2, errors)] {
            posix_spawn_file_actions_addopen(&actions, descriptor, path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        }
        let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        let words = (["env", path] + arguments).map { strdup($0) }
        defer { words.forEach { free($0) } }
        var child: pid_t = 0
        let code = posix_spawn(&child, "/usr/bin/env", &actions, nil, words + [nil], [nil])
        try #require(code == 0)
        pid = child
    }

    deinit { kill() }

    var isRunning: Bool {
        if status == nil {
            var found: CInt = 0
            if waitpid(pid, &found, WNOHANG) == pid { status = found }
        }
        return status == nil
    }

    /// Ends it as a power cut would.
    func kill() {
        guard isRunning else { return }
        Foundation.kill(pid, SIGKILL)
        wait()
    }

    func wait() {
        guard status == nil else { return }
        var found: CInt = 0
        while waitpid(pid, &found, 0) == -1, errno == EINTR {}
        status = found
    }
}
