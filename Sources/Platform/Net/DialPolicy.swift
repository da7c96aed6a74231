/// Which addresses a process may dial.
public struct DialPolicy: Sendable {
    private let networks: [CIDR]?
    private let name: String

    /// No limit.
    public static let everywhere = DialPolicy()

    private init() {
        networks = nil
        name = ""
    }

    /// Reads the networks that may be dialled.
    ///
    /// - Parameters:
    ///   - list: networks, separated by commas; empty permits nothing.
    ///   - name: what says so, for messages.
    /// - Throws: `SystemError` (`badPolicy`) for what is not a network.
    public init(_ list: String, name: String) throws(SystemError) {
        var networks: [CIDR] = []
        for text in list.split(separator: ",") {
            guard let network = CIDR(String(text)) else {
                throw SystemError(.badPolicy, "\(name) holds '\(text)', which is not a network")
            }
            networks.append(network)
        }
        self.networks = networks
        self.name = name
    }

    /// Checks an address.
    ///
    /// - Parameter host: a numeric address or a name; where there is a limit, a name other than `localhost` is refused.
    /// - Throws: `SystemError` (`notPermitted`).
    public func check(_ host: String) throws(SystemError) {
        guard let networks else { return }
        if let address = IPAddress(host == "localhost" ? "127.0.0.1" : host),
            networks.contains(where: { $0.contains(address) })
        {
            return
        }
        throw SystemError(.notPermitted, "\(name) does not permit a connection to \(host)")
    }
}
