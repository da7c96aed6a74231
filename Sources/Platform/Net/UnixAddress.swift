public import Glibc

/// The address of a Unix socket, which is a path (unix(7)).
public enum UnixAddress {
    /// Passes the address of a path to a call like `bind` or `connect`.
    ///
    /// - Parameters:
    ///   - path: 107 bytes at most.
    ///   - body: gets the address and its size in bytes.
    /// - Throws: `SystemError` (`socketPath`) for a path that is too long, empty, or holds a zero: that would mean
    ///   something else than a file.
    public static func withSocketAddress(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt
    ) throws(SystemError) -> CInt {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let length = path.utf8.count
        guard length > 0, length < MemoryLayout.size(ofValue: address.sun_path), !path.utf8.contains(0) else {
            throw SystemError(.socketPath, "\(path) can't be the path of a socket")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
