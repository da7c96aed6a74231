import Glibc
import Platform

/// The descriptors that the pumps of all channels wait for, in one set of the kernel's (epoll(7)).
///
/// The thread polls the set as one descriptor, so that a turn costs the same however many stand idle in it.
final class DescriptorWatch {
    fileprivate let members: DescriptorSet
    private var interests: [UInt64: DescriptorInterest] = [:]
    private var lastIdentifier: UInt64 = 0

    /// What to poll: readable when a descriptor of the set is ready.
    var descriptor: CInt { members.descriptor }

    /// - Throws: `SSHError` (`local`) where the process has no descriptor left.
    init() throws(SSHError) {
        do { members = try DescriptorSet() } catch { throw .local(error) }
    }

    /// Notes news for everyone whose descriptor is ready.
    func dispatch() {
        for mark in members.takeReady() { interests[mark]?.fire() }
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
    private let readiness: DescriptorSet.Readiness
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
        readiness = direction == .reading ? .reading : .writing
    }

    /// Asks to be told once; nothing new where that is so already.
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
        do {
            isArmed = try watch.members.watch(descriptor, for: readiness, mark: identifier, isNew: isNew)
        } catch {
            stop()
            throw .local(error)
        }
        // What can't be waited for, such as a file, is always ready.
        if !isArmed {
            stop()
            list.note()
        }
    }

    fileprivate func fire() {
        isArmed = false
        list.note()
    }

    /// Leaves the set; the descriptor may be closed afterwards.
    func stop() {
        guard descriptor >= 0 else { return }
        watch.remove(identifier)
        watch.members.forget(descriptor)
        if !source.isOurs { close(descriptor) }
        descriptor = -1
        isArmed = false
    }
}
