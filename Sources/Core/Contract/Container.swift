/// The container's side of the toolkit, wherever it runs: here, or at the far end of an SSH session.
///
/// Everything that a command does in the container goes through this, on both sides. All throw `ScoutError`s; the far
/// one also where the container is not reached (`unreachable`) and where its answer can't be right (`protocolViolation`).
public protocol Container: Sendable {
    /// Which toolkit it is.
    func version() async throws -> VersionReport
    /// The devices that the owner mapped.
    func evidence() async throws -> EvidenceReport
    /// Starts a service on a leased port; returns when the port answers.
    func serve(_ request: ServiceRequest) async throws -> LeaseReport
    /// The reserved ports, a row each.
    func ports() async throws -> PortsReport
    /// Ends services and frees their ports; returns what was ended.
    func release(_ selection: ReleaseSelection) async throws -> ReleaseReport
    /// What the host's agent says that it forwards.
    func forwards() async throws -> ForwardsReport
    /// Reads a device or a file to its end where it lies, and hashes it.
    ///
    /// - Returns: lower-case hexadecimal digests.
    func hash(_ source: String, algorithms: [HashAlgorithm]) async throws -> HashReport
    /// Listens on ports that nobody holds, for as long as the body runs, half a minute at most.
    ///
    /// - Parameters:
    ///   - ports: which ports.
    ///   - nonce: what each caller reads there; see ``ProbeReport/greeting(nonce:port:)``.
    ///   - body: gets what the container found.
    func withProbe<Result: Sendable>(
        _ ports: [UInt16], nonce: String, _ body: @Sendable (ProbeReport) async throws -> Result
    ) async throws -> Result
}
