import Core
import FoundationEssentials
import Glibc
import Platform

/// A gate, as the kernel knows it: a process of this user that holds the lock of a port, and its lease's description.
///
/// Files say nothing about who is alive, and a number in a file may by now be another process. So a gate is known by what
/// it holds open (proc(5)): the lock file, with the lock on that very open file, and the description. That is so even
/// after its directory is gone.
struct GateProcess {
    /// Its process.
    let pid: pid_t
    /// What it said of its lease when it began.
    let lease: LeaseReport

    /// - Parameters:
    ///   - pid: a process that may be the gate.
    ///   - port: the port it is asked about.
    init?(_ pid: pid_t, port: UInt16, _ store: LeaseStore) {
        var info = stat()
        guard pid > 0, stat("/proc/\(pid)", &info) == 0, info.st_uid == geteuid() else { return nil }
        let directory = DirectoryListing.link("/proc/self/fd/\(store.directory.descriptor)").replacing(
            " (deleted)", with: "")
        let descriptors = DirectoryListing.names(in: "/proc/\(pid)/fd").compactMap { CInt($0) }
        func descriptor(of name: String) -> CInt? {
            descriptors.first { number in
                let link = DirectoryListing.link("/proc/\(pid)/fd/\(number)")
                return link == "\(directory)/\(name)" || link == "\(directory)/\(name) (deleted)"
            }
        }
        guard let lock = descriptor(of: LeaseStore.lock(port)),
            let description = descriptor(of: LeaseStore.lease(port)),
            let locks = try? File.read("/proc/\(pid)/fdinfo/\(lock)"),
            String(decoding: locks, as: UTF8.self).split(separator: "\n").contains(where: {
                $0.hasPrefix("lock:") && $0.contains("FLOCK") && $0.contains("WRITE")
            }),
            let bytes = try? File.read("/proc/\(pid)/fd/\(description)"),
            var lease = try? JSON.decode(LeaseReport.self, from: Data(bytes)), lease.port == port
        else { return nil }
        lease.pid = pid
        self.pid = pid
        self.lease = lease
    }

    /// Whether it still holds the lock.
    func isAlive(_ store: LeaseStore) -> Bool { GateProcess(pid, port: lease.port, store) != nil }

    func hasEnded(_ store: LeaseStore, within deadline: Duration) -> Bool {
        let end = ContinuousClock.now + deadline
        repeat {
            if !isAlive(store) { return true }
            usleep(5000)
        } while ContinuousClock.now < end
        return false
    }
}
