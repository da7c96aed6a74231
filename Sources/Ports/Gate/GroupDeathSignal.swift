import Core
import Glibc

/// Has the kernel kill this process's group the moment this process is gone, whatever ended it.
///
/// A pipe whose only writer is this process, and whose reading end every child inherits: when the writer dies, the
/// kernel sends the reading end's signal, SIGKILL here, to the group (fcntl(2), `F_SETOWN`, `F_SETSIG`, `O_ASYNC`).
/// A parent-death signal would not do: nbdkit replaces it by SIGTERM, which a connection that waits for its client
/// outlives.
struct GroupDeathSignal {
    /// Where children hold the reading end.
    static let descriptor: CInt = 3

    /// The reading end, for children to inherit.
    let end: CInt

    /// Ties the group of the calling process, which must lead it, to its life.
    init() throws(ScoutError) {
        var ends: [CInt] = [-1, -1]
        let setSignal: CInt = 10  // F_SETSIG
        guard getpgrp() == getpid(), pipe(&ends) == 0, fcntl(ends[1], F_SETFD, FD_CLOEXEC) == 0,
            fcntl(ends[0], F_SETFD, FD_CLOEXEC) == 0, fcntl(ends[0], F_SETOWN, -getpgrp()) == 0,
            fcntl(ends[0], setSignal, SIGKILL) == 0, fcntl(ends[0], F_SETFL, O_ASYNC) == 0
        else {
            throw ScoutError(.failed, "the gate can't bind its servers to itself: \(String(cString: strerror(errno)))")
        }
        end = ends[0]
    }
}
