import Core
import Glibc

/// The right to a reserved port: an exclusive `flock`, and the socket that listens there.
///
/// The lock belongs to the open file description. Whoever inherits the descriptor holds the lease, and the kernel ends
/// it when the last holder dies, however it dies.
final class Lease {
    /// The leased port.
    let port: UInt16
    /// The locked descriptor.
    let lock: CInt
    /// The listening socket.
    let listener: CInt

    private init(port: UInt16, lock: CInt, listener: CInt) {
        self.port = port
        self.lock = lock
        self.listener = listener
    }

    deinit {
        close(listener)
        close(lock)
    }

    /// Why a port could not be had.
    enum Refusal: Error {
        /// Another gate holds the lock.
        case leased
        /// Something without a lease is bound to it.
        case foreign
        /// The kernel refused otherwise.
        case failed(ScoutError)
    }

    /// Takes a port: locks it, then binds and listens. Nothing is checked beforehand, so nothing can change in between.
    ///
    /// - Parameters:
    ///   - port: one of the store's.
    ///   - address: the address to listen on.
    static func take(_ port: UInt16, on address: IPAddress, in store: LeaseStore) throws(Refusal) -> Lease {
        let taken: CInt?
        do throws(ScoutError) { taken = try store.takeLock(port) } catch { throw .failed(error) }
        guard let lock = taken else { throw .leased }
        do {
            let listener = try listen(port, on: address)
            store.clear(port)
            return Lease(port: port, lock: lock, listener: listener)
        } catch {
            // Held still, so nobody else's.
            store.directory.remove(LeaseStore.lock(port))
            close(lock)
            throw error
        }
    }

    /// Gives a port back that no gate was started for, with all that was made for it.
    func giveUp(_ store: LeaseStore) {
        store.clear(port)
        store.directory.remove(LeaseStore.lock(port))
    }

    /// Binds and listens, with no lease: for a port that is not reserved.
    static func listen(_ port: UInt16, on address: IPAddress) throws(Refusal) -> CInt {
        let family = address.bytes.count == 4 ? AF_INET : AF_INET6
        let kind = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(family, kind, 0)
        guard descriptor >= 0 else { throw failure(port, address) }
        var on: CInt = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<CInt>.size))
        let bound = address.withSocketAddress(port: port) { bind(descriptor, $0, $1) }
        guard bound == 0, Glibc.listen(descriptor, 64) == 0 else {
            let refusal = errno == EADDRINUSE ? Refusal.foreign : failure(port, address)
            close(descriptor)
            throw refusal
        }
        return descriptor
    }

    private static func failure(_ port: UInt16, _ address: IPAddress) -> Refusal {
        let reason = String(cString: strerror(errno))
        return .failed(
            ScoutError(
                .failed, "cannot listen on \(address) port \(port): \(reason)",
                hint: "is this the container? --topology chooses another network"))
    }
}
