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

    /// Whether an interface can have this name, and rules can hold it as nothing else.
    ///
    /// The kernel (`dev_valid_name`) takes up to 15 bytes without a slash, a colon or a blank, other than `.` and `..`. Of
    /// those, only letters, digits, `.`, `_` and `-` mean nothing to the tools that load rules: `+` and `*` are patterns.
    public static func isName(_ text: String) -> Bool {
        (1...15).contains(text.utf8.count) && text != "." && text != ".." && text.first != "-"
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }
    }
}
