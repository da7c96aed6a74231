import Core
import Foundation
import Testing

/// A file system of its own, in another process's user and mount namespace, reached through `/proc`.
final class FaultyDisk {
    static let isAllowed = getenv("CI") != nil || (try? FaultyDisk("tmpfs none")) != nil
    /// Whether a file system whose calls fail can be had, too: it needs `/dev/fuse`.
    static let canFail = getenv("CI") != nil || access("/dev/fuse", R_OK | W_OK) == 0 && isAllowed

    let path: String
    private let child: Child

    /// In memory, with room for so much.
    convenience init(megabytes: Int) throws { try self.init("tmpfs none -o size=\(megabytes)m") }

    /// One whose calls fail as `faulty-filesystem.py` describes it.
    init(faults: [String]) throws {
        let script = #filePath.replacingOccurrences(of: "FaultyDisk.swift", with: "faulty-filesystem.py")
        (child, path) = try Self.start(["python3", script, "/mnt"] + faults)
    }

    private init(_ mount: String) throws {
        (child, path) = try Self.start(
            ["sh", "-c", "mount -t \(mount) /mnt && echo ready && exec sleep 120"])
    }

    private static func start(_ words: [String]) throws -> (Child, String) {
        let mark = "/tmp/imaging-disk-" + String(UInt32.random(in: 0 ... .max), radix: 36)
        defer { unlink(mark) }
        let child = try Child(["unshare", "--user", "--map-root-user", "--mount"] + words, output: mark)
        let end = Date() + 20
        while (try? String(contentsOfFile: mark, encoding: .utf8)) != "ready\n" {
            guard child.isRunning, Date() < end else { throw ScoutError(.failed, "no namespace") }
            usleep(5000)
        }
        return (child, "/proc/\(child.pid)/root/mnt")
    }

    /// What is there.
    var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }
}
