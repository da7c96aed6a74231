import Core
import Forwarding
import FoundationEssentials
import Imaging
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

    func serve(_ request: NBDRequest) async throws -> LeaseReport {
        let label = "\(request.source)"
        return try ServiceLauncher(topology: topology, paths: paths).serve(
            request, gateCommand: [try Self.program(), "gate", "--", label], trialCommand: try Self.trial()
        ) {
            try ExportCheck.examine(
                socket: $0.socket, exportName: $0.exportName, key: $0.key, readOnly: $0.readOnly,
                sizeBytes: $0.sizeBytes)
        }
    }

    func ports() async throws -> PortsReport {
        try status().report()
    }

    func release(_ selection: ReleaseSelection) async throws -> ReleaseReport {
        try status().release(selection)
    }

    func forwards() async throws -> ForwardsReport {
        let socket = paths.hostSocket
        return try await PlainThread.run { try HostAgentClient.ask(socket) }
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
