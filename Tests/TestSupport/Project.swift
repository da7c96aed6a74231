import Glibc

/// Where things are, and what this machine allows.
public enum Project {
    /// The checkout.
    public static let root: String = {
        let parts = #filePath.split(separator: "/").dropLast(3)
        return "/" + parts.joined(separator: "/")
    }()

    /// The built program: `SCOUT_BINARY`, or the one beside the tests.
    public static let binary: String =
        getenv("SCOUT_BINARY").map { String(cString: $0) } ?? root + "/.build/debug/scout"

    /// A `PATH` with the administrators' programs, and a home that holds nothing of the user's.
    public static let environment: [String: String] = [
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/nonexistent", "LANG": "C.UTF-8", "SCOUT_DIAL_ONLY": "127.0.0.0/8,::1",
    ]

    /// Whether the lab's namespaces can be made; with `CI=true` a machine that can't is a failure, not a skip.
    public static let hasLab = geteuid() == 0 || getenv("CI").map { String(cString: $0) } == "true"

    /// A name that no other test has, short enough for a socket's path.
    public static func uniqueName() -> String {
        String(UInt32.random(in: 0 ... .max), radix: 36)
    }
}
