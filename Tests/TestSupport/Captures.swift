import FoundationEssentials

/// Saved rule sets of the stock firewall, and others that were taken from hosts.
public enum Captures {
    /// The folder they are in.
    public static let folder = Project.root + "/Tests/TestSupport/Captures/"
    /// The stock firewall, as it is after a boot.
    public static let standard = bytes("documented-default.iptables-save")
    /// The same with access from the owner's network.
    public static let lan = bytes("documented-lan.iptables-save")
    /// Port 2003 is not forwarded, and before the host's policy a rule with a limit accepts.
    public static let limited = bytes("no-dnat-limit.save")

    /// A file of the folder; empty where there is none.
    public static func bytes(_ name: String) -> [UInt8] {
        (try? Data(contentsOf: URL(filePath: folder + name))).map { [UInt8]($0) } ?? []
    }
}
