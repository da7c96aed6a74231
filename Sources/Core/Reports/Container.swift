/// The container's side of the toolkit, wherever it runs: here, or at the far end of an SSH session.
///
/// Every container verb is written once against this seam.
public protocol Container: Sendable {
    /// The devices that the owner mapped.
    func evidence() async throws -> EvidenceReport
    /// Exports a device or a file over NBD on a leased port; returns when the port answers.
    func serve(_ request: NBDRequest) async throws -> LeaseReport
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
}
