import Glibc

/// One address of one interface of this machine.
public struct NetworkInterface: Hashable, Sendable {
    /// The interface's name, for example `tap0`.
    public let name: String
    /// An address it carries.
    public let address: IPAddress

    /// - Parameters:
    ///   - name: the interface's name.
    ///   - address: an address it carries.
    public init(name: String, address: IPAddress) {
        self.name = name
        self.address = address
    }

    /// This machine's addresses now, a row each; empty where the kernel does not tell. The C function is `getifaddrs`.
    public static func all() -> [NetworkInterface] {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return [] }
        defer { freeifaddrs(list) }
        var found: [NetworkInterface] = []
        var next = list
        while let entry = next?.pointee {
            next = entry.ifa_next
            if let socketAddress = entry.ifa_addr, let address = IPAddress(socketAddress) {
                found.append(NetworkInterface(name: String(cString: entry.ifa_name), address: address))
            }
        }
        return found
    }
}
