import Dispatch
import Glibc
import Synchronization

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
    /// - Throws: `ScoutError` (`unreachable`), or `io` where there is no thread left.
    ///
    /// Blocks the calling thread. The C function is `getaddrinfo`.
    static func targets(host: String, port: UInt16, deadline: Duration) throws(ScoutError) -> [Target] {
        let answer = Answer()
        try PlainThread.start { answer.give(resolve(host, port)) }
        guard let result = answer.wait(deadline) else {
            let seconds = Int((deadline / .seconds(1)).rounded(.up))
            throw ScoutError(
                .unreachable, "looking up \(host) took longer than \(seconds) s",
                hint: "give the address itself, or check the name server in /etc/resolv.conf")
        }
        return try result.get()
    }

    private static func resolve(_ host: String, _ port: UInt16) -> Result<[Target], ScoutError> {
        var hints = addrinfo()
        hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, String(port), &hints, &list)
        guard status == 0 else {
            return .failure(
                ScoutError(
                    .unreachable, "\(host): \(String(cString: gai_strerror(status)))",
                    hint: "check the name, or give the address itself"))
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

    private final class Answer: Sendable {
        private let isThere = DispatchSemaphore(value: 0)
        private let result = Mutex<Result<[Target], ScoutError>?>(nil)

        func give(_ value: Result<[Target], ScoutError>) {
            result.withLock { $0 = value }
            isThere.signal()
        }

        func wait(_ deadline: Duration) -> Result<[Target], ScoutError>? {
            // Late is no failure where the answer is there: this process may have been stopped meanwhile.
            _ = isThere.wait(timeout: .now() + .milliseconds(Int(deadline.pollTimeout)))
            return result.withLock { $0 }
        }
    }
}
