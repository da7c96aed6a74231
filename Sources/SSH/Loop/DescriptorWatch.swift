import CLibSSH
import Glibc

/// The descriptors that the pumps of all channels wait for, in one set of the kernel's (epoll(7)).
///
/// The thread polls the set as one descriptor, so that a turn costs the same however many stand idle in it.
final class DescriptorWatch {
    /// What to poll: readable when a descriptor of the set is ready.
    let descriptor: CInt
    private var interests: [UInt64: DescriptorInterest] = [:]
    private var lastIdentifier: UInt64 = 0

    /// - Throws: `SSHError` (`local`) where the process has no descriptor left: `epoll_create1`.
    init() throws(SSHError) {
        descriptor = epoll_create1(CInt(EPOLL_CLOEXEC))
        guard descriptor >= 0 else { throw .local("epoll_create1") }
    }

    deinit { close(descriptor) }

    /// Notes news for everyone whose descriptor is ready.
    func dispatch() {
        var ready = [epoll_event](repeating: epoll_event(), count: 64)
        let count = epoll_wait(descriptor, &ready, CInt(ready.count), 0)
        // Where more are ready the set stays readable for the next turn; an error leaves it so, too.
        for event in ready.prefix(max(Int(count), 0)) { interests[event.data.u64]?.fire() }
    }

    fileprivate func add(_ interest: DescriptorInterest) -> UInt64 {
        lastIdentifier += 1
        interests[lastIdentifier] = interest
        return lastIdentifier
    }

    fileprivate func remove(_ identifier: UInt64) {
        interests[identifier] = nil
    }
}

/// A descriptor, and what it should be ready for; told once each time it is armed.
final class DescriptorInterest {
    private let watch: DescriptorWatch
    private let source: NonblockingDescriptor
    private let events: UInt32
    private let list: WaitList
    private var identifier: UInt64 = 0
    /// The number in the set: one of our own, as the set knows each number once, and others may watch the caller's.
    private var descriptor: CInt = -1
    private var isArmed = false

    /// - Parameters:
    ///   - source: the descriptor.
    ///   - direction: what it should be ready for.
    ///   - watch: the set.
    ///   - list: who is told.
    init(
        _ source: NonblockingDescriptor, for direction: NonblockingDescriptor.Direction, in watch: DescriptorWatch,
        telling list: WaitList
    ) {
        self.source = source
        self.watch = watch
        self.list = list
        events = (direction == .reading ? EPOLLIN : EPOLLOUT).rawValue | EPOLLONESHOT.rawValue
    }

    /// Asks to be told once; nothing new where that is so already: `epoll_ctl`.
    ///
    /// - Throws: `SSHError` (`local`) where there is no descriptor or memory left.
    func arm() throws(SSHError) {
        guard !isArmed else { return }
        let isNew = descriptor < 0
        if isNew {
            descriptor = source.isOurs ? source.descriptor : fcntl(source.descriptor, F_DUPFD_CLOEXEC, 0)
            guard descriptor >= 0 else {
                // Reading or writing it is what tells why.
                if errno == EBADF { return list.note() }
                throw .local("watching a descriptor")
            }
            identifier = watch.add(self)
        }
        var event = epoll_event()
        event.events = events
        event.data.u64 = identifier
        if epoll_ctl(watch.descriptor, isNew ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, descriptor, &event) == 0 {
            isArmed = true
            return
        }
        let code = errno
        stop()
        // What can't be waited for, such as a file, is always ready.
        guard code == EPERM else { throw .local("watching a descriptor", errno: code) }
        list.note()
    }

    fileprivate func fire() {
        isArmed = false
        list.note()
    }

    /// Leaves the set; the descriptor may be closed afterwards.
    func stop() {
        guard descriptor >= 0 else { return }
        watch.remove(identifier)
        var event = epoll_event()
        // Fails only where it is not in the set.
        _ = epoll_ctl(watch.descriptor, EPOLL_CTL_DEL, descriptor, &event)
        if !source.isOurs { close(descriptor) }
        descriptor = -1
        isArmed = false
    }
}
