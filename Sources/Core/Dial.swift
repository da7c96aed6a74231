import Glibc

/// Opens TCP connections, with a deadline, to the addresses it is permitted to.
///
/// Every connection of the toolkit asks here first. `SCOUT_DIAL_ONLY` (networks, separated by commas) fences a process
/// in: tests set it to the loopback networks, so that a stray default address is trapped before a packet leaves.
public enum Dial {
    /// The networks this process may dial; `nil` permits all.
    static func fence(_ environment: String?) throws(ScoutError) -> [CIDR]? {
        guard let environment else { return nil }
        var networks: [CIDR] = []
        for text in environment.split(separator: ",") {
            guard let network = CIDR(String(text)) else {
                throw ScoutError(.usage, "SCOUT_DIAL_ONLY holds '\(text)', which is no network")
            }
            networks.append(network)
        }
        return networks
    }

    /// Checks an address against `SCOUT_DIAL_ONLY`.
    ///
    /// - Parameter host: a numeric address or a name; with a fence up, a name other than `localhost` is refused.
    /// - Throws: `ScoutError` (`refused`) where the fence does not permit it.
    public static func permit(_ host: String) throws(ScoutError) {
        let value = getenv("SCOUT_DIAL_ONLY").map { String(cString: $0) }
        guard let fence = try fence(value) else { return }
        if let address = IPAddress(host == "localhost" ? "127.0.0.1" : host),
            fence.contains(where: { $0.contains(address) })
        {
            return
        }
        throw ScoutError(.refused, "SCOUT_DIAL_ONLY does not permit a connection to \(host)")
    }

    /// Checks that somebody else, a library, may dial a host and will find it: nobody has to wait for its lookup.
    ///
    /// - Parameters:
    ///   - host: a numeric address or a name.
    ///   - deadline: how long its lookup may take.
    /// - Throws: `ScoutError`: `refused` by the fence, `unreachable` where the name is unknown or its server silent.
    ///
    /// Blocks the calling thread.
    public static func prepare(_ host: String, deadline: Duration) throws(ScoutError) {
        try permit(host)
        try checkZone(host)
        _ = try NameLookup.targets(host: host, port: 0, deadline: deadline)
    }

    /// Connects a TCP socket.
    ///
    /// - Parameters:
    ///   - host: an address or a name.
    ///   - port: the TCP port.
    ///   - deadline: how long to try, the lookup of a name and all its addresses included.
    /// - Returns: a connected, non-blocking socket with `CLOEXEC` and `TCP_NODELAY`; the caller closes it.
    /// - Throws: `ScoutError`: `unreachable`, which says which of refused, no route and no answer it was; `io` where this
    ///   machine could not try.
    ///
    /// Blocks the calling thread until the deadline at the most. The C functions are `getaddrinfo` and `connect`.
    public static func tcp(host: String, port: UInt16, deadline: Duration) throws(ScoutError) -> CInt {
        try permit(host)
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
        throw unreachable(host: host, port: port, code: failure, deadline: deadline)
    }

    /// A link-local address is one on every link, so the link has to be named, by a name that there is.
    private static func checkZone(_ host: String) throws(ScoutError) {
        guard let address = IPAddress(host) else { return }
        if let zone = address.zone, address.zoneIndex == 0 {
            throw ScoutError(
                .unreachable, "\(host): this machine has no interface \(zone)",
                hint: "ip -6 address shows its interfaces")
        }
        if address.isLinkLocal, address.zone == nil {
            throw ScoutError(
                .unreachable, "\(host) is a link-local address: it needs the interface behind a %",
                hint: "for example [\(host)%tap0]; ip -6 address shows the interfaces")
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
        setsockopt(descriptor, CInt(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<CInt>.size))

        var code: CInt = 0
        let status = target.bytes.withUnsafeBytes { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) {
                Glibc.connect(descriptor, $0.baseAddress, socklen_t(bytes.count))
            }
        }
        if status != 0 {
            code = errno == EINPROGRESS ? outcome(of: descriptor, until: end) : errno
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

    private static func unreachable(host: String, port: UInt16, code: CInt, deadline: Duration) -> ScoutError {
        switch code {
        case _ where localFailures.contains(code):
            return ScoutError(
                .io, "this machine could not dial \(host) port \(port): \(String(cString: strerror(code)))",
                hint: code == EMFILE || code == ENFILE
                    ? "too many files are open here: ulimit -n" : "look at this machine's own firewall and memory")
        case ETIMEDOUT:
            let seconds = (deadline / .seconds(1)).rounded(.up)
            return ScoutError(
                .unreachable, "\(host) port \(port) did not answer within \(Int(seconds)) s",
                hint: "check that the VPN is up and that the address is right")
        case ECONNREFUSED:
            return ScoutError(
                .unreachable, "\(host) port \(port) refused the connection: nothing listens there",
                hint: "check that the address and the port are right")
        default:
            return ScoutError(
                .unreachable, "\(host) port \(port): \(String(cString: strerror(code)))",
                hint: "check that the VPN is up")
        }
    }
}
