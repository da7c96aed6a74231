import Core
import Glibc
import Platform

/// The right to a reserved port: an exclusive lock on the port's lock file.
///
/// The lock belongs to the open file description. Whoever inherits the descriptor holds the lease, and the kernel ends
/// it when the last holder dies, however it dies. A socket that listens on the port is one way to use the lease:
/// ``LeasedListener``.
final class Lease: Sendable {
    /// The leased port.
    let port: UInt16
    /// The locked descriptor, for a gate to inherit.
    let lock: CInt
    /// Where the files of this lease lie.
    let store: LeaseStore

    private init(port: UInt16, lock: CInt, store: LeaseStore) {
        self.port = port
        self.lock = lock
        self.store = store
    }

    deinit { close(lock) }

    /// Why a port could not be had.
    enum Refusal: Error {
        /// Another process holds the lock.
        case leased
        /// Something without a lease is bound to it.
        case foreign
        /// The kernel refused otherwise.
        case failed(ScoutError)
    }

    /// Locks a port. Nothing is checked beforehand, so nothing can change in between.
    ///
    /// - Parameters:
    ///   - port: one of the store's.
    ///   - store: where the lock files lie.
    /// - Throws: `Refusal`: `leased`, or `failed` where the lock file can't be had.
    static func take(_ port: UInt16, in store: LeaseStore) throws(Refusal) -> Lease {
        let taken: CInt?
        do throws(ScoutError) { taken = try store.takeLock(port) } catch { throw .failed(error) }
        guard let lock = taken else { throw .leased }
        return Lease(port: port, lock: lock, store: store)
    }

    /// Gives a port back that no gate was started for, with all that was made for it.
    func giveUp() {
        store.clear(port)
        removeLock()
    }

    /// Removes the lock file, which is nobody else's for as long as it is locked.
    func removeLock() { store.directory.remove(LeaseStore.lock(port)) }
}

/// A leased port and the socket that listens on it.
struct LeasedListener: Sendable {
    let lease: Lease
    let listener: PortListener

    /// Locks a port, then binds and listens; what an earlier lease has left is cleared then.
    ///
    /// - Parameters:
    ///   - port: one of the store's.
    ///   - address: the address to listen on.
    ///   - store: where the lock files lie.
    /// - Throws: `Lease.Refusal`.
    static func take(
        _ port: UInt16, on address: IPAddress, in store: LeaseStore
    ) throws(Lease.Refusal) -> LeasedListener {
        let lease = try Lease.take(port, in: store)
        do throws(Lease.Refusal) {
            let listener = try PortListener(port, on: address)
            // Not before the port is bound: a gate whose lock file was removed still uses its files.
            store.clear(port)
            return LeasedListener(lease: lease, listener: listener)
        } catch {
            lease.removeLock()
            throw error
        }
    }
}
