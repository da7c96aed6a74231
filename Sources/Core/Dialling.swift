import Glibc
public import Platform

// Every connection of the toolkit asks here first. `SCOUT_DIAL_ONLY` (networks, separated by commas) fences a process
// in: tests set it to the loopback networks, so that a stray default address is trapped before a packet leaves.

extension DialPolicy {
    /// What `SCOUT_DIAL_ONLY` permits now.
    ///
    /// - Throws: `ScoutError` (`usage`) for what is not a network.
    public static func current() throws(ScoutError) -> DialPolicy {
        guard let list = getenv("SCOUT_DIAL_ONLY").map({ String(cString: $0) }) else { return .everywhere }
        return try ScoutError.wrap(DialPolicy(list, name: "SCOUT_DIAL_ONLY"))
    }
}

extension Dial {
    /// Checks an address against `SCOUT_DIAL_ONLY`.
    ///
    /// - Parameter host: a numeric address or a name; with a fence up, a name other than `localhost` is refused.
    /// - Throws: `ScoutError` (`refused`) where the fence does not permit it.
    public static func permit(_ host: String) throws(ScoutError) {
        let policy = try DialPolicy.current()
        try ScoutError.wrap(policy.check(host))
    }

    /// As ``prepare(_:deadline:policy:)``, with what `SCOUT_DIAL_ONLY` permits.
    ///
    /// - Throws: `ScoutError`: `refused` by the fence, `unreachable` where the name is unknown or its server silent.
    public static func prepare(_ host: String, deadline: Duration) throws(ScoutError) {
        let policy = try DialPolicy.current()
        try ScoutError.wrap(prepare(host, deadline: deadline, policy: policy))
    }

    /// As ``tcp(host:port:deadline:policy:)``, with what `SCOUT_DIAL_ONLY` permits.
    ///
    /// - Throws: `ScoutError`: `unreachable`, which says which of refused, no route and no answer it was; `io` where this
    ///   machine could not try.
    public static func tcp(host: String, port: UInt16, deadline: Duration) throws(ScoutError) -> CInt {
        let policy = try DialPolicy.current()
        return try ScoutError.wrap(tcp(host: host, port: port, deadline: deadline, policy: policy))
    }
}

extension Ping {
    /// As ``answers(_:within:policy:)``, with what `SCOUT_DIAL_ONLY` permits.
    public static func answers(_ address: IPAddress, within deadline: Duration) -> Bool? {
        guard let policy = try? DialPolicy.current() else { return nil }
        return answers(address, within: deadline, policy: policy)
    }
}

extension BannerProbe {
    /// As ``read(host:port:deadline:policy:limit:until:)``, with what `SCOUT_DIAL_ONLY` permits.
    ///
    /// - Throws: `ScoutError` (`unreachable`) where there is no connection.
    public static func read(
        host: String, port: UInt16, deadline: Duration, limit: Int = 256,
        until isComplete: @escaping @Sendable ([UInt8]) -> Bool = { $0.contains(10) }
    ) async throws(ScoutError) -> [UInt8] {
        let policy = try DialPolicy.current()
        do throws(SystemError) {
            return try await read(
                host: host, port: port, deadline: deadline, policy: policy, limit: limit, until: isComplete)
        } catch {
            throw ScoutError(error)
        }
    }
}
