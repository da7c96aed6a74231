import Glibc
import Platform
public import Testing

/// Whether a process runs. A zombie is dead: only its parent has not asked yet.
public func isAlive(_ pid: Int32) -> Bool {
    guard let bytes = try? File.read("/proc/\(pid)/stat") else { return false }
    return !String(decoding: bytes, as: UTF8.self).contains(") Z ")
}

/// The processes that a process of one thread has started.
public func children(of pid: Int32) throws -> [Int32] {
    let bytes = try File.read("/proc/\(pid)/task/\(pid)/children") ?? []
    return String(decoding: bytes, as: UTF8.self).split(separator: " ").compactMap { Int32($0) }
}

/// The processes, but this one, that have a file open.
///
/// - Parameter path: as the kernel shows it, without links.
public func holders(of path: String) -> [Int32] {
    DirectoryListing.names(in: "/proc").compactMap { Int32($0) }.filter { pid in
        let descriptors = "/proc/\(pid)/fd"
        return pid != getpid()
            && DirectoryListing.names(in: descriptors).contains {
                DirectoryListing.link("\(descriptors)/\($0)") == path
            }
    }
}

/// Waits until something has come about, and records an issue where it has not.
///
/// - Parameters:
///   - what: what should come about.
///   - deadline: how long to wait; 2 s by default.
///   - place: where the test waits.
///   - condition: asked every 10 ms.
public func eventually(
    _ what: String, within deadline: Duration = .seconds(2), at place: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + deadline
    repeat {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(10))
    } while ContinuousClock.now < end
    Issue.record("not within \(deadline): \(what)", sourceLocation: place)
}
