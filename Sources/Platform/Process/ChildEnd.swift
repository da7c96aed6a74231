import CLinux
public import Glibc

extension ChildProcess {
    /// How a child has ended.
    public enum Status: Hashable, Sendable {
        /// By itself, with a code of 0 to 255.
        case exited(CInt)
        /// By a signal.
        case signalled(CInt)

        /// As a shell has it: the code, or 128 and the signal.
        public var shellCode: CInt {
            switch self {
            case .exited(let code): code
            case .signalled(let number): 128 + number
            }
        }

        init(_ status: CInt) {
            var signal: CInt = 0
            let code = clinux_exit_code(status, &signal)
            self = code >= 0 ? .exited(code) : .signalled(signal)
        }
    }

    /// Ends a child: asks, waits, then kills. A child that the kernel won't let go of (it reads from a disk that does not
    /// answer) is killed but not waited for: it ends when the kernel lets it, and is reaped by whoever is its parent then.
    ///
    /// - Parameters:
    ///   - pid: a child of this process that has not been waited for.
    ///   - grace: how long it may take to leave by itself; 1 s by default.
    ///   - wholeGroup: whether all of the group that it leads is meant; `false` by default.
    /// - Returns: whether it has ended.
    ///
    /// Blocks the calling thread, for the grace and a second at the most.
    @discardableResult
    public static func end(_ pid: pid_t, grace: Duration = .seconds(1), wholeGroup: Bool = false) -> Bool {
        guard pid > 0 else { return true }
        let target = wholeGroup ? -pid : pid
        // Where there is nobody left, the wait tells.
        kill(target, SIGTERM)
        // One that is stopped takes note of it only when it goes on.
        kill(target, SIGCONT)
        if hasLeft(pid, within: grace) {
            if wholeGroup { kill(target, SIGKILL) }
            return true
        }
        kill(target, SIGKILL)
        return hasLeft(pid, within: .seconds(1))
    }

    /// Waits for a child, and reaps it.
    ///
    /// - Returns: whether it has left; `true` as well for a process that is no child of this one.
    public static func hasLeft(_ pid: pid_t, within deadline: Duration) -> Bool {
        let end = ContinuousClock.now + deadline
        repeat {
            if waitpid(pid, nil, WNOHANG) != 0 { return true }
            usleep(5000)
        } while ContinuousClock.now < end
        return false
    }

    /// Waits for a child, and reaps it.
    ///
    /// - Returns: how it has ended; `nil` where it is still there after the deadline, or is no child of this process.
    public static func status(of pid: pid_t, within deadline: Duration) -> Status? {
        let end = ContinuousClock.now + deadline
        var status: CInt = 0
        repeat {
            let found = waitpid(pid, &status, WNOHANG)
            if found == pid { return Status(status) }
            if found < 0, errno != EINTR { return nil }
            usleep(1000)
        } while ContinuousClock.now < end
        return nil
    }
}
