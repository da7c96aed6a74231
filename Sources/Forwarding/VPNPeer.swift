import Core
import FoundationEssentials
import Glibc

/// Whether the far end of a VPN is heard of, where the VPN's own tools tell.
public enum VPNPeer {
    /// Beyond this many seconds a WireGuard peer is gone: it renews its keys every 2 minutes while packets flow.
    private static let handshakeLimit = 300

    /// Why the VPN is silent, in a few words.
    ///
    /// - Parameter interface: the VPN's.
    /// - Returns: `nil` where the peer was heard of, and where nobody tells. Sources: `wg show`, and the status file that
    ///   Debian's units have OpenVPN write.
    public static func silence(on interface: String) async -> String? {
        let event = (try? File.read("/sys/class/net/\(interface)/uevent")).flatMap { $0 } ?? []
        if String(decoding: event, as: UTF8.self).contains("DEVTYPE=wireguard") {
            guard let answer = try? await HostTool("wg")(["show", interface, "latest-handshakes"]), answer.status == 0
            else { return nil }
            return wireGuard(String(decoding: answer.output, as: UTF8.self), now: Int(time(nil)))
        }
        for directory in ["/run/openvpn", "/run/openvpn-client"] {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
            for name in names where name.hasSuffix(".status") || name.hasPrefix("status") {
                var status = stat()
                guard stat("\(directory)/\(name)", &status) == 0 else { continue }
                let age = Int(time(nil)) - status.st_mtim.tv_sec
                // It is written every few seconds while the process lives.
                if age > 120 { return "OpenVPN has not written \(directory)/\(name) for \(age) s: its process is dead" }
            }
        }
        return nil
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
