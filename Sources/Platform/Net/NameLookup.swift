import Glibc

/// Asks the resolver for the addresses of a host, and does not wait for ever.
enum NameLookup {
    /// One address to connect to, as the kernel takes it.
    struct Target: Sendable {
        let family: CInt
        /// A `sockaddr_in` or `sockaddr_in6`.
        let bytes: [UInt8]
    }

    /// Looks a host up for TCP.
    ///
    /// A resolver whose server is silent waits for longer than anybody wants and cannot be called off: it goes on, on
    /// a thread of its own, and nobody listens to it any more.
    ///
    /// - Parameters:
    ///   - host: a numeric address or a name.
    ///   - port: the TCP port.
    ///   - deadline: how long to wait.
    /// - Returns: at least one target, in the order to try them.
    /// - Throws: `SystemError`: `unknownName`, `silentResolver`, or `noThread`.
    ///
    /// Blocks the calling thread. The C function is `getaddrinfo`.
    static func targets(host: String, port: UInt16, deadline: Duration) throws(SystemError) -> [Target] {
        guard let result = try Bounded.run(within: deadline, { resolve(host, port) }) else {
            let seconds = Int((deadline / .seconds(1)).rounded(.up))
            throw SystemError(.silentResolver, "looking up \(host) took longer than \(seconds) s")
        }
        return try result.get()
    }

    private static func resolve(_ host: String, _ port: UInt16) -> Result<[Target], SystemError> {
        var hints = addrinfo()
        hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, String(port), &hints, &list)
        guard status == 0 else {
            return .failure(SystemError(.unknownName, "\(host): \(String(cString: gai_strerror(status)))"))
        }
        defer { freeaddrinfo(list) }
        var targets: [Target] = []
        var next = list
        while let entry = next?.pointee {
            next = entry.ai_next
            let bytes = UnsafeRawBufferPointer(start: entry.ai_addr, count: Int(entry.ai_addrlen))
            targets.append(Target(family: entry.ai_family, bytes: Array(bytes)))
        }
        return .success(targets)
    }
}
