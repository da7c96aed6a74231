import Glibc
import Platform

/// A directory of one test's own, gone with it.
enum Scratch {
    static func with<Value>(_ body: (String) throws -> Value) rethrows -> Value {
        let path = "/tmp/scout-platform-\(UInt64.random(in: 0 ... .max))"
        mkdir(path, 0o700)
        defer { removeAll(path) }
        return try body(path)
    }

    private static func removeAll(_ path: String) {
        for name in DirectoryListing.names(in: path) {
            var info = stat()
            guard lstat("\(path)/\(name)", &info) == 0 else { continue }
            if info.st_mode & S_IFMT == S_IFDIR { removeAll("\(path)/\(name)") } else { unlink("\(path)/\(name)") }
        }
        rmdir(path)
    }

    /// Waits until something is so, for 5 s at the most.
    static func soon(_ isSo: () -> Bool) -> Bool {
        let end = ContinuousClock.now + .seconds(5)
        while ContinuousClock.now < end {
            if isSo() { return true }
            usleep(2000)
        }
        return isSo()
    }

    /// Lets the calling thread take signals: those that Dispatch keeps don't.
    static func takeSignals() {
        var all = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_UNBLOCK, &all, nil)
    }

    /// Whether a process is there and no zombie.
    static func isAlive(_ pid: pid_t) -> Bool {
        guard let bytes = try? File.read("/proc/\(pid)/stat") else { return false }
        let state = String(decoding: bytes, as: UTF8.self).split(separator: ")").last?.split(separator: " ").first
        return state != "Z" && state != "X"
    }
}
