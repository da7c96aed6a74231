import CLinux
import Glibc

/// The way the kernel sends packets for an address, as far as an unprivileged process may see it.
public enum Route {
    /// The interface and the source address that packets for an address would have. None is sent.
    ///
    /// - Parameter address: the destination.
    /// - Returns: `nil` where there is no route. The C functions are `connect` on a datagram socket, and `getsockname`.
    public static func interface(towards address: IPAddress) -> NetworkInterface? {
        let family = address.bytes.count == 4 ? AF_INET : AF_INET6
        let descriptor = socket(family, CInt(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard address.withSocketAddress(port: 9, { connect(descriptor, $0, $1) }) == 0 else { return nil }
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let own = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                getsockname(descriptor, $0, &size) == 0 ? IPAddress($0) : nil
            }
        }
        return NetworkInterface.all().first { $0.address == own }
    }

    /// Whether the machine with an address has told its hardware address, after `/proc/net/arp` (proc(5)).
    ///
    /// - Parameter address: in a network that this machine is in; ask after having tried to reach it.
    /// - Returns: `false` where nobody claims the address, `nil` where the network knows no hardware addresses.
    public static func neighbourAnswers(_ address: IPAddress) -> Bool? {
        let table = (try? File.read("/proc/self/net/arp")).flatMap { $0 } ?? []
        for line in String(decoding: table, as: UTF8.self).split(separator: "\n").dropFirst() {
            let fields = line.split(separator: " ")
            guard fields.count > 2, IPAddress(String(fields[0])) == address,
                let flags = UInt32(fields[2].dropFirst(2), radix: 16)
            else { continue }
            return flags & clinux_atf_com != 0
        }
        return nil
    }

    /// Whether an interface is up and has a carrier, which a TUN or TAP device has while a process holds it.
    ///
    /// - Parameter interface: its name.
    /// - Returns: `nil` where all is well, else what is wrong, in a few words.
    public static func fault(of interface: String) -> String? {
        let directory = "/sys/class/net/\(interface)"
        guard let flags = number(directory + "/flags") else { return "there is no interface \(interface)" }
        if flags & clinux_iff_up == 0 { return "the interface \(interface) is down" }
        if number(directory + "/carrier") == 0 {
            return number(directory + "/tun_flags") == nil
                ? "the interface \(interface) has no carrier" : "no VPN process holds the interface \(interface)"
        }
        return nil
    }

    private static func number(_ path: String) -> UInt32? {
        guard let bytes = try? File.read(path) else { return nil }
        let text = String(decoding: bytes.prefix { $0 > 32 }, as: UTF8.self)
        return text.hasPrefix("0x") ? UInt32(text.dropFirst(2), radix: 16) : UInt32(text)
    }
}
