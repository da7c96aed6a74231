import Core
import FoundationEssentials
import Platform

/// The owner's two switches, as they were last set: kept in a file, so that they outlast a restart.
struct HostSwitches: Codable, Hashable, Sendable {
    /// Whether the owner's network reaches what the VPN does.
    var lan = false
    /// Whether the host's own sshd runs and is reachable.
    var control = false

    /// One of the two.
    subscript(_ name: HostSwitch) -> Bool {
        get { name == .lan ? lan : control }
        set { if name == .lan { lan = newValue } else { control = newValue } }
    }

    private static func file(_ paths: Paths) -> String { paths.hostDirectory + "/switches.json" }

    /// Reads them; both are off where they were never set.
    ///
    /// - Throws: `ScoutError` (`io`, `badData`): a file that can't be read is never taken for "off" or "on".
    static func load(_ paths: Paths) throws(ScoutError) -> HostSwitches {
        let file = file(paths)
        guard let bytes = try ScoutError.wrap(File.read(file, limit: 4096)) else { return HostSwitches() }
        guard let switches = try? JSON.decoder().decode(HostSwitches.self, from: Data(bytes)) else {
            throw ScoutError(.badData, "\(file) does not hold the two switches", hint: "remove it: both are off then")
        }
        return switches
    }

    /// Writes them.
    func save(_ paths: Paths) throws(ScoutError) {
        guard let bytes = try? JSON.encoder().encode(self) else {
            throw ScoutError(.failed, "no words for the switches")
        }
        try ScoutError.wrap(File.makePrivateDirectory(paths.hostDirectory))
        try ScoutError.wrap(File.replace(Self.file(paths), with: Array(bytes) + [10], mode: 0o644))
    }
}
