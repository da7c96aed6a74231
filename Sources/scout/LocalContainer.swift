import Core
import FoundationEssentials
import Glibc
import Host
import Imaging
import Platform
import Ports

/// The container where this process runs in it.
struct LocalContainer: Container {
    let topology: Topology
    let paths: Paths

    func evidence() async throws -> EvidenceReport {
        let leases = try status().report().ports.compactMap { $0.lease?.service }
        return await EvidenceList(paths: paths).report(
            leases: leases, examineCommand: [try Self.program(), "examine", "--"])
    }

    func version() async throws -> VersionReport { VersionReport(version: Version.text) }

    func serve(_ service: ServiceRequest) async throws -> LeaseReport {
        try ServiceLauncher(topology: topology, paths: paths).serve(
            service, gateCommand: [try Self.program(), "gate", "--", service.source], trialCommand: try Self.trial())
    }

    func ports() async throws -> PortsReport {
        try status().report()
    }

    func release(_ selection: ReleaseSelection) async throws -> ReleaseReport {
        try status().release(selection)
    }

    func forwards() async throws -> ForwardsReport {
        let socket = paths.hostSocket
        return try await Thread.run { try HostAgentClient.ask(socket) }
    }

    func hash(_ source: String, algorithms: [HashAlgorithm]) async throws -> HashReport {
        let found = try Source.find(source, in: paths.evidenceDirectory, trial: try Self.trial())
        let cancellation = try Cancellation()
        let digests = try await withTaskCancellationHandler {
            try await FileHash.digests(of: found.path, algorithms: algorithms, cancellation: cancellation) { _ in }
        } onCancel: {
            cancellation.cancel()
        }
        return HashReport(
            path: found.path, sizeBytes: Int64(digests.sizeBytes),
            hashes: Dictionary(uniqueKeysWithValues: digests.hashes.map { ($0.key.rawValue, $0.value) }))
    }

    func withProbe<Result: Sendable>(
        _ ports: [UInt16], nonce: String, _ body: @Sendable (ProbeReport) async throws -> Result
    ) async throws -> Result {
        let stop = try ScoutError.wrap(PipeEnds())
        let (reports, answer) = AsyncStream.makeStream(of: ProbeReport.self)
        let (topology, paths) = (topology, paths)
        let listening = Task {
            defer { answer.finish() }
            try await Thread.run {
                let probe = try PortProbe(ports, nonce: nonce, topology: topology, paths: paths)
                answer.yield(probe.report)
                probe.run(until: stop.read)
            }
        }
        /// Its ports are free again when this returns.
        func end() async throws {
            close(stop.write)
            defer { close(stop.read) }
            try await listening.value
        }
        guard let found = await reports.first(where: { _ in true }) else {
            try await end()
            throw ScoutError(.failed, "the probe ended before it began")
        }
        do {
            let result = try await body(found)
            try await end()
            return result
        } catch {
            try await end()
            throw error
        }
    }

    private func status() throws(ScoutError) -> PortStatus {
        PortStatus(
            store: try LeaseStore(topology: topology, paths: paths), container: topology.containerAddress)
    }

    private static func trial() throws(ScoutError) -> [String] { [try program(), "examine", "--open-only", "--"] }

    /// This very program, for the gates it starts.
    private static func program() throws(ScoutError) -> String {
        guard let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") else {
            throw ScoutError(.failed, "this program can't find itself in /proc")
        }
        return path
    }

    /// The names in the evidence directory, for completion.
    static func evidenceNames(_ paths: Paths) -> [String] {
        Source.names(in: paths.evidenceDirectory)
    }

    /// What is leased, for completion.
    static func leases(_ invocation: Invocation) -> [LeaseReport] {
        let container = LocalContainer(topology: invocation.topology, paths: invocation.paths)
        return (try? container.status().report().ports.compactMap { $0.lease?.service }) ?? []
    }
}
