/// Which services to end.
public enum ReleaseSelection: Hashable, Sendable {
    case port(UInt16)
    case name(String)
    case all
}

/// The services that were ended.
public struct ReleaseReport: Report, Hashable {
    /// `scout.release/1`.
    public static let schema = "scout.release/1"
    /// Their leases, as they were.
    public var released: [LeaseReport]

    /// - Parameter released: their leases, as they were.
    public init(released: [LeaseReport]) {
        self.released = released
    }
}
