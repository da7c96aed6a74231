import Glibc

/// One ICMP echo (RFC 792), for which some systems want root.
public enum Ping {
    /// Whether an address answers.
    ///
    /// - Parameters:
    ///   - address: an IPv4 address.
    ///   - deadline: how long to wait for each of two requests.
    ///   - policy: what may be dialled.
    /// - Returns: `nil` where this process may not ask.
    ///
    /// Blocks the calling thread.
    public static func answers(_ address: IPAddress, within deadline: Duration, policy: DialPolicy) -> Bool? {
        guard address.bytes.count == 4, (try? policy.check(address.description)) != nil else { return nil }
        let flags = CInt(SOCK_CLOEXEC.rawValue)
        var descriptor = socket(AF_INET, CInt(SOCK_DGRAM.rawValue) | flags, CInt(IPPROTO_ICMP))
        if descriptor < 0 { descriptor = socket(AF_INET, CInt(SOCK_RAW.rawValue) | flags, CInt(IPPROTO_ICMP)) }
        guard descriptor >= 0, address.withSocketAddress(port: 0, { connect(descriptor, $0, $1) }) == 0 else {
            close(descriptor)
            return nil
        }
        defer { close(descriptor) }
        for number in UInt8(1)...2 {
            let request = request(number)
            _ = request.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, 0) }
            let end = ContinuousClock.now + deadline
            while case let left = end - .now, left > .zero {
                var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                guard poll(&ready, 1, left.pollTimeout) > 0 else { break }
                var bytes = [UInt8](repeating: 0, count: 256)
                let count = recv(descriptor, &bytes, bytes.count, 0)
                // A raw socket shows the IP header as well, and the requests of others on this machine.
                let header = bytes[0] >> 4 == 4 ? Int(bytes[0] & 15) * 4 : 0
                if count >= header + 8, bytes[header] == 0 { return true }
                // An error message of a router on the way, or no route any more.
                if count < 0, errno != EINTR { break }
            }
        }
        return false
    }

    /// An echo request of 16 bytes, with the Internet checksum (RFC 1071). A datagram socket sets the identifier itself.
    private static func request(_ number: UInt8) -> [UInt8] {
        var bytes: [UInt8] = [
            8, 0, 0, 0, UInt8(truncatingIfNeeded: getpid() >> 8), UInt8(truncatingIfNeeded: getpid()),
        ]
        bytes += [0, number] + Array("scout...".utf8)
        var sum: UInt32 = 0
        for index in stride(from: 0, to: bytes.count, by: 2) {
            sum += UInt32(bytes[index]) << 8 | UInt32(bytes[index + 1])
        }
        while sum > 0xffff { sum = sum & 0xffff + sum >> 16 }
        bytes[2] = UInt8(truncatingIfNeeded: ~sum >> 8)
        bytes[3] = UInt8(truncatingIfNeeded: ~sum)
        return bytes
    }
}
