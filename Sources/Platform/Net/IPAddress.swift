public import Glibc

/// An IPv4 or IPv6 address, by value.
public struct IPAddress: Hashable, Sendable {
    /// The address in network byte order: 4 bytes or 16.
    public let bytes: [UInt8]
    /// The interface by which a link-local address is reached, as the text or the kernel names it (RFC 4007); only on
    /// its own machine does it mean anything.
    public let zone: String?

    /// Reads a numeric address, as `inet_pton` does. An IPv4-mapped IPv6 address becomes the IPv4 address it stands for.
    ///
    /// - Parameter text: for example `10.0.3.2` or `fe80::1%eth0`.
    /// - Returns: `nil` where the text is no numeric address; names are not looked up, and a zone need not exist here.
    public init?(_ text: String) {
        let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        var four = in_addr()
        if parts.count == 1, inet_pton(AF_INET, text, &four) == 1 {
            self.init(bytes: withUnsafeBytes(of: four) { Array($0) })
            return
        }
        var six = in6_addr()
        guard parts.last?.isEmpty == false, inet_pton(AF_INET6, parts[0], &six) == 1 else { return nil }
        self.init(bytes: withUnsafeBytes(of: six) { Array($0) }, zone: parts.count == 2 ? parts[1] : nil)
    }

    /// Takes an address out of a socket address of `AF_INET` or `AF_INET6`.
    ///
    /// - Parameter storage: as filled by `accept`, `getpeername` or `getifaddrs`.
    public init?(_ storage: UnsafePointer<sockaddr>) {
        switch Int32(storage.pointee.sa_family) {
        case AF_INET:
            let address = UnsafeRawPointer(storage).loadUnaligned(as: sockaddr_in.self).sin_addr
            self.init(bytes: withUnsafeBytes(of: address) { Array($0) })
        case AF_INET6:
            let found = UnsafeRawPointer(storage).loadUnaligned(as: sockaddr_in6.self)
            var name = [CChar](repeating: 0, count: Int(IF_NAMESIZE))
            let isNamed = found.sin6_scope_id != 0 && if_indextoname(found.sin6_scope_id, &name) != nil
            let text = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            self.init(
                bytes: withUnsafeBytes(of: found.sin6_addr) { Array($0) },
                zone: isNamed ? String(decoding: text, as: UTF8.self) : nil)
        default:
            return nil
        }
    }

    /// Takes an address as it stands in a packet.
    ///
    /// - Parameter bytes: 4 or 16 of them, in network byte order; `nil` for any other count.
    public init?(networkOrder bytes: [UInt8]) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        self.init(bytes: bytes)
    }

    init(bytes: [UInt8], zone: String? = nil) {
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
        self.bytes = bytes.count == 16 && bytes.starts(with: mapped) ? Array(bytes.dropFirst(12)) : bytes
        self.zone = self.bytes.count == 16 ? zone : nil
    }

    /// Addresses are the same when their bytes are: a zone says by which way to reach one, and only its own machine
    /// knows what it means.
    public static func == (left: IPAddress, right: IPAddress) -> Bool { left.bytes == right.bytes }

    /// Hashes the bytes.
    public func hash(into hasher: inout Hasher) { hasher.combine(bytes) }

    /// Whether this is an address of fe80::/10, which can't be dialled without saying by which interface.
    public var isLinkLocal: Bool { bytes.count == 16 && bytes[0] == 0xfe && bytes[1] & 0xc0 == 0x80 }

    /// The number of the interface that the zone names; 0 where there is none of that name or number here.
    public var zoneIndex: UInt32 {
        guard let zone else { return 0 }
        let index = if_nametoindex(zone)
        if index != 0 { return index }
        var name = [CChar](repeating: 0, count: Int(IF_NAMESIZE))
        guard let number = UInt32(zone), if_indextoname(number, &name) != nil else { return 0 }
        return number
    }

    /// Whether this is `0.0.0.0` or `::`, which stands for every address of a machine.
    public var isUnspecified: Bool { bytes.allSatisfy { $0 == 0 } }

    /// Passes a socket address of this address and a port on, for `bind` and `connect`.
    ///
    /// - Parameters:
    ///   - port: the port, in host byte order.
    ///   - body: gets the address and its size in bytes.
    public func withSocketAddress<Result>(
        port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        if bytes.count == 4 {
            var storage = sockaddr_in()
            storage.sin_family = sa_family_t(AF_INET)
            storage.sin_port = port.bigEndian
            withUnsafeMutableBytes(of: &storage.sin_addr) { $0.copyBytes(from: bytes) }
            return Self.pass(&storage, body)
        }
        var storage = sockaddr_in6()
        storage.sin6_family = sa_family_t(AF_INET6)
        storage.sin6_port = port.bigEndian
        storage.sin6_scope_id = zoneIndex
        withUnsafeMutableBytes(of: &storage.sin6_addr) { $0.copyBytes(from: bytes) }
        return Self.pass(&storage, body)
    }

    private static func pass<Storage, Result>(
        _ storage: inout Storage, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        withUnsafePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<Storage>.size)) }
        }
    }

    /// Whether this is an address of 127.0.0.0/8, or ::1.
    public var isLoopback: Bool {
        bytes.count == 4 ? bytes[0] == 127 : bytes == [UInt8](repeating: 0, count: 15) + [1]
    }
}

extension IPAddress: CustomStringConvertible {
    /// The numeric text, as `inet_ntop` writes it, with the zone behind it.
    public var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = bytes.count == 4 ? AF_INET : AF_INET6
        _ = bytes.withUnsafeBytes { inet_ntop(family, $0.baseAddress, &text, socklen_t(INET6_ADDRSTRLEN)) }
        let number = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return zone.map { "\(number)%\($0)" } ?? number
    }
}
