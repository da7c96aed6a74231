import Glibc

/// Where this toolkit keeps its files and looks for the container's, all from one environment.
public struct Paths: Sendable {
    /// The environment the paths come from; nothing else in the toolkit reads it for paths.
    public let environment: [String: String]

    /// - Parameter environment: the process's own, or a test's.
    public init(environment: [String: String]) {
        self.environment = environment
    }

    private func value(_ key: String) -> String? {
        environment[key].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The user's home directory.
    public var home: String { value("HOME") ?? "/" }

    /// Locks, sockets and keys of what runs now: `SCOUT_RUNTIME_DIR`, or a directory that dies with the machine.
    public var runtimeDirectory: String {
        if let chosen = value("SCOUT_RUNTIME_DIR") { return chosen }
        if geteuid() == 0 { return "/run/scout" }
        if let user = value("XDG_RUNTIME_DIR") { return user + "/scout" }
        return "/tmp/scout-\(geteuid())"
    }

    /// Logs and caches: `SCOUT_STATE_DIR`, or `~/.local/state/scout`.
    public var stateDirectory: String {
        if let chosen = value("SCOUT_STATE_DIR") { return chosen }
        return (value("XDG_STATE_HOME") ?? home + "/.local/state") + "/scout"
    }

    /// What completion remembers of the last answers: evidence names and ports, by target.
    public var cacheDirectory: String { stateDirectory + "/cache" }

    /// The directory of the evidence and storage devices in the container: `SCOUT_EVIDENCE_DIR`, or `/dev/host`.
    public var evidenceDirectory: String { value("SCOUT_EVIDENCE_DIR") ?? "/dev/host" }

    /// The directory the container shares with its host.
    public var sharedDirectory: String { "/var/host/ipc" }

    /// The host's side: its switches and the owner's rules. `SCOUT_HOST_DIR`, or `/etc/scout`.
    public var hostDirectory: String { value("SCOUT_HOST_DIR") ?? "/etc/scout" }

    /// The socket of the host's agent: `SCOUT_HOST_SOCKET`, or one in ``sharedDirectory``.
    public var hostSocket: String { value("SCOUT_HOST_SOCKET") ?? sharedDirectory + "/scout.sock" }

    /// Where that same directory is on the host.
    public var sharedDirectoryOnHost: String { "/opt/container/ipc" }

    /// The configuration: `SCOUT_CONFIG`, or `~/.config/scout/config.toml`.
    public var configurationFile: String { value("SCOUT_CONFIG") ?? home + "/.config/scout/config.toml" }

    /// The host keys this toolkit has accepted, in OpenSSH's format.
    public var knownHostsFile: String { home + "/.config/scout/known_hosts" }

    /// The host keys the user's own `ssh` has accepted; read only.
    public var userKnownHostsFile: String { home + "/.ssh/known_hosts" }

    /// Replaces a leading `~/` by the home directory.
    public func expand(_ path: String) -> String {
        path.hasPrefix("~/") ? home + path.dropFirst() : path
    }
}
