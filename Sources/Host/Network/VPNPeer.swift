import Core
import Glibc
import Platform

/// Whether the far end of a VPN is heard of, where the VPN's own tools tell.
public enum VPNPeer {
    /// Beyond this many seconds a WireGuard peer is gone: it renews its keys every 2 minutes while packets flow.
    private static let handshakeLimit = 300

    /// Why the VPN is silent, in a few words.
    ///
    /// - Parameter interface: the VPN's.
    /// - Returns: `nil` where the peer was heard of, and where nobody tells. Sources: `wg show`, and the status file that
    ///   Debian's units have OpenVPN write, where the process that writes it can be seen.
    public static func silence(on interface: String) async -> String? {
        let event = (try? File.read("/sys/class/net/\(interface)/uevent")).flatMap { $0 } ?? []
        if String(decoding: event, as: UTF8.self).contains("DEVTYPE=wireguard") {
            guard let answer = try? await HostTools().run("wg", ["show", interface, "latest-handshakes"]),
                answer.status == 0
            else { return nil }
            return wireGuard(String(decoding: answer.output, as: UTF8.self), now: Int(time(nil)))
        }
        return await stalled(on: interface, directories: ["/run/openvpn", "/run/openvpn-client"])
    }

    /// An OpenVPN that holds the interface and has stopped writing its status file.
    ///
    /// A file that nobody holds open is what an earlier VPN left behind, and says nothing; so does another one's.
    static func stalled(on interface: String, directories: [String]) async -> String? {
        for directory in directories {
            for name in DirectoryListing.names(in: directory)
            where name.hasSuffix(".status") || name.hasPrefix("status") {
                let path = "\(directory)/\(name)"
                var status = stat()
                guard stat(path, &status) == 0 else { continue }
                let age = Int(time(nil)) - status.st_mtim.tv_sec
                // It is written every few seconds while the process works.
                guard age > 120, let pid = holder(of: path, and: interface) else { continue }
                return "OpenVPN (pid \(pid)) has not written \(path) for \(age) s: it hangs"
            }
        }
        return nil
    }

    /// The process that has a file open and a TUN or TAP interface attached, after `/proc/PID/fd` and `fdinfo` (proc(5)).
    ///
    /// - Returns: `nil` where there is none, or where this user may not see it.
    private static func holder(of path: String, and interface: String) -> pid_t? {
        DirectoryListing.names(in: "/proc").compactMap { pid_t($0) }.first { pid in
            let descriptors = DirectoryListing.names(in: "/proc/\(pid)/fd")
            let hasFile = descriptors.contains {
                DirectoryListing.link("/proc/\(pid)/fd/\($0)") == path
            }
            return hasFile
                && descriptors.contains {
                    let info = (try? File.read("/proc/\(pid)/fdinfo/\($0)")).flatMap { $0 } ?? []
                    return String(decoding: info, as: UTF8.self).split(separator: "\n").contains("iff:\t\(interface)")
                }
        }
    }

    /// Judges what `wg show IF latest-handshakes` printed: a line `KEY SECONDS` for each peer.
    static func wireGuard(_ text: String, now: Int) -> String? {
        let times = text.split(separator: "\n").compactMap {
            $0.split { $0 == "\t" || $0 == " " }.last.flatMap { Int($0) }
        }
        guard let last = times.max() else { return "WireGuard has no peer" }
        if last == 0 { return "WireGuard has never heard of its peer" }
        return now - last > handshakeLimit ? "WireGuard has not heard of its peer for \(now - last) s" : nil
    }
}
