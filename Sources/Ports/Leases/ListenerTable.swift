import Core
import Glibc
import Platform

/// Who listens on this machine's TCP ports, after `/proc/net/tcp` and `tcp6` (proc(5)).
struct ListenerTable {
    /// The inodes of the listening sockets, by port.
    private var inodes: [UInt16: Set<String>] = [:]

    /// Reads the kernel's tables as they are now.
    ///
    /// - Parameter address: only sockets on this address, or on all of them, count.
    init(on address: IPAddress?) {
        for table in ["/proc/self/net/tcp", "/proc/self/net/tcp6"] {
            guard let bytes = try? File.read(table, limit: 64 << 20) else { continue }
            for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n").dropFirst() {
                let fields = line.split(separator: " ")
                guard fields.count > 9, fields[3] == "0A", let colon = fields[1].lastIndex(of: ":"),
                    let port = UInt16(fields[1][fields[1].index(after: colon)...], radix: 16),
                    let local = Self.address(fields[1][..<colon]), local.isUnspecified || local == address
                else { continue }
                inodes[port, default: []].insert(String(fields[9]))
            }
        }
    }

    /// An address as the tables have it: words of 32 bits in the machine's own byte order.
    private static func address(_ text: Substring) -> IPAddress? {
        var bytes: [UInt8] = []
        for start in stride(from: 0, to: text.count, by: 8) {
            guard let word = UInt32(text.dropFirst(start).prefix(8), radix: 16) else { return nil }
            withUnsafeBytes(of: word) { bytes += $0 }
        }
        return IPAddress(networkOrder: bytes)
    }

    /// Whether anything listens on a port.
    func isTaken(_ port: UInt16) -> Bool { inodes[port] != nil }

    /// The processes that hold a listening socket of a port, as far as this user may see them.
    func owners(of port: UInt16) -> [PortsReport.Process] {
        guard let wanted = inodes[port].map({ Set($0.map { "socket:[\($0)]" }) }) else { return [] }
        return DirectoryListing.names(in: "/proc").compactMap { entry in
            guard let pid = Int32(entry) else { return nil }
            let holds = DirectoryListing.names(in: "/proc/\(pid)/fd").contains { descriptor in
                wanted.contains(DirectoryListing.link("/proc/\(pid)/fd/\(descriptor)"))
            }
            guard holds else { return nil }
            let name = (try? File.read("/proc/\(pid)/comm")).flatMap { $0 } ?? []
            return PortsReport.Process(pid: pid, name: String(decoding: name.prefix { $0 != 0x0A }, as: UTF8.self))
        }
    }
}
