import CLinux
import Glibc

/// Has the kernel kill this process's group the moment this process is gone, whatever ended it.
///
/// A pipe whose only writer is this process, and whose reading end every child inherits: when the writer dies, the
/// kernel sends the reading end's signal, SIGKILL here, to the group (fcntl(2), `F_SETOWN`, `F_SETSIG`, `O_ASYNC`).
/// A parent-death signal would not do where a child replaces it by a milder one.
public struct GroupDeathSignal: Sendable {
    /// The reading end, for children to inherit; ``ChildProcess/descriptors`` says where they hold it.
    public let end: CInt

    /// Ties the group of the calling process, which must lead it, to its life.
    ///
    /// - Throws: `SystemError` (`cannotStart`).
    public init() throws(SystemError) {
        guard getpgrp() == getpid() else {
            throw SystemError(.cannotStart, "children can't be bound to this process: it does not lead its group")
        }
        let ends: PipeEnds
        do throws(SystemError) { ends = try PipeEnds() } catch {
            throw SystemError(
                .cannotStart, "children can't be bound to this process: \(error.message)", errno: error.errno)
        }
        guard fcntl(ends.read, F_SETOWN, -getpgrp()) == 0, fcntl(ends.read, clinux_f_setsig, SIGKILL) == 0,
            fcntl(ends.read, F_SETFL, O_ASYNC) == 0
        else {
            let code = errno
            ends.close()
            throw SystemError(.cannotStart, "children can't be bound to this process", code: code)
        }
        // The writing end stays open, and has no owner: the kernel closes it with this process.
        end = ends.read
    }
}
