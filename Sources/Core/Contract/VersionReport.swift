/// Which toolkit is in the container.
public struct VersionReport: Report, Hashable {
    /// The shape of version 1; spoken between two scouts only.
    public static let schema = "scout.version/1"
    /// The program's version, for example `1.2.3`.
    public var version: String

    /// - Parameter version: the program's version.
    public init(version: String) {
        self.version = version
    }

    /// Whether a text is the version of a program, `1.2.3` or `1.2.3-beta.4`, and nothing else.
    public static func isVersion(_ text: String) -> Bool {
        text.utf8.count <= 40 && text.wholeMatch(of: /[0-9]{1,5}(\.[0-9]{1,5}){1,3}([-+][0-9A-Za-z.+-]+)?/) != nil
    }
}
