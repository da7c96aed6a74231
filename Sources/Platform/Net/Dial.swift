import Glibc
import SystemPackage

/// Opens TCP connections, with a deadline, to the addresses that a policy permits.
public enum Dial {
    /// Checks that somebody else, a library, may dial a host and will find it: nobody has to wait for its lookup.
    ///
    /// - Parameters:
    ///   - host: a numeric address or a name.
    ///   - deadline: how long its lookup may take.
    ///   - policy: what may be dialled.
    /// - Throws: `SystemError`: `notPermitted`; `unknownName` or `silentResolver`; `noInterface` or `needsInterface`.
    ///
    /// Blocks the calling thread.
    public static func prepare(_ host: String, deadline: Duration, policy: DialPolicy) throws(SystemError) {
        try policy.check(host)
        try checkZone(host)
        _ = try NameLookup.targets(host: host, port: 0, deadline: deadline)
    }

    /// Connects a TCP socket.
    ///
    /// - Parameters:
    ///   - host: an address or a name.
    ///   - port: the TCP port.
    ///   - deadline: how long to try, the lookup of a name and all its addresses included.
    ///   - policy: what may be dialled.
    /// - Returns: a connected, non-blocking socket with `CLOEXEC` and `TCP_NODELAY`; the caller closes it.
    /// - Throws: `SystemError`: as ``prepare(_:deadline:policy:)``; `connectionRefused`, `noRoute`, `noAnswer`; `cannotDial`
    ///   where this machine could not try.
    ///
    /// Blocks the calling thread until the deadline at the most. The C functions are `getaddrinfo` and `connect`.
    public static func tcp(
        host: String, port: UInt16, deadline: Duration, policy: DialPolicy
    ) throws(SystemError) -> CInt {
        try policy.check(host)
        try checkZone(host)
        let end = ContinuousClock.now + deadline
        let targets = try NameLookup.targets(host: host, port: port, deadline: deadline)
        var failure = ETIMEDOUT
        for (index, target) in targets.enumerated() {
            // An address that is silent leaves time for the others.
            let now = ContinuousClock.now
            switch connect(target, until: now + (end - now) / (targets.count - index)) {
            case .success(let socket): return socket
            case .failure(let code): failure = code.rawValue
            }
        }
        throw failed(host: host, port: port, code: failure, deadline: deadline)
    }

    /// A link-local address is one on every link, so the link has to be named, by a name that there is.
    private static func checkZone(_ host: String) throws(SystemError) {
        guard let address = IPAddress(host) else { return }
        if let zone = address.zone, address.zoneIndex == 0 {
            throw SystemError(.noInterface, "\(host): this machine has no interface \(zone)")
        }
        if address.isLinkLocal, address.zone == nil {
            throw SystemError(
                .needsInterface(host: host), "\(host) is a link-local address: it needs the interface behind a %")
        }
    }

    private struct Failure: Error { let rawValue: CInt }

    private static func connect(
        _ target: NameLookup.Target, until end: ContinuousClock.Instant
    ) -> Result<CInt, Failure> {
        let kind = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(target.family, kind, 0)
        guard descriptor >= 0 else { return .failure(Failure(rawValue: errno)) }
        var on: CInt = 1
        // Without it the connection is slower, and as good.
        setsockopt(descriptor, CInt(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<CInt>.size))

        var code: CInt = 0
        let status = target.bytes.withUnsafeBytes { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) {
                Glibc.connect(descriptor, $0.baseAddress, socklen_t(bytes.count))
            }
        }
        if status != 0 {
            // A connect that a signal interrupts goes on (connect(2)).
            code = errno == EINPROGRESS || errno == EINTR ? outcome(of: descriptor, until: end) : errno
        }
        guard code == 0 else {
            close(descriptor)
            return .failure(Failure(rawValue: code))
        }
        return .success(descriptor)
    }

    private static func outcome(of descriptor: CInt, until end: ContinuousClock.Instant) -> CInt {
        var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        while true {
            let count = poll(&ready, 1, (end - .now).pollTimeout)
            if count == 0 { return ETIMEDOUT }
            if count > 0 { break }
            if errno != EINTR { return errno }
        }
        var code: CInt = 0
        var size = socklen_t(MemoryLayout<CInt>.size)
        return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) == 0 ? code : errno
    }

    /// What this machine lacks, which says nothing of the other one.
    private static let localFailures: Set<CInt> = [
        EMFILE, ENFILE, ENOMEM, ENOBUFS, EAGAIN, EADDRNOTAVAIL, EACCES, EPERM, EAFNOSUPPORT, EPROTONOSUPPORT,
    ]

    private static func failed(host: String, port: UInt16, code: CInt, deadline: Duration) -> SystemError {
        switch code {
        case _ where localFailures.contains(code):
            return SystemError(.cannotDial, "this machine could not dial \(host) port \(port)", code: code)
        case ETIMEDOUT:
            let seconds = (deadline / .seconds(1)).rounded(.up)
            return SystemError(
                .noAnswer, "\(host) port \(port) did not answer within \(Int(seconds)) s", errno: .timedOut)
        case ECONNREFUSED:
            return SystemError(
                .connectionRefused, "\(host) port \(port) refused the connection: nothing listens there",
                errno: .connectionRefused)
        default:
            return SystemError(.noRoute, "\(host) port \(port)", code: code)
        }
    }
}
