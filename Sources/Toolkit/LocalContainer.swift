public import Core
import FoundationEssentials
import Glibc
import Host
import Imaging
import Platform
import Ports

/// The container where this process runs in it.
public struct LocalContainer: Container {
    private let topology: Topology
    private let paths: Paths
    private let programVersion: String

    /// - Parameters:
    ///   - topology: its network.
    ///   - paths: where evidence, leases and the host's socket are.
    ///   - version: of this program.
    public init(topology: Topology, paths: Paths, version: String) {
        self.topology = topology
        self.paths = paths
        programVersion = version
    }

    /// The devices in the evidence directory, each looked at in a process of its own.
    public func evidence() async throws -> EvidenceReport {
        let leases = try status().report().ports.compactMap { $0.lease?.service }
        return await EvidenceList(paths: paths).report(
            leases: leases, examineCommand: [try Self.program(), "examine", "--"])
    }

    /// This program.
    public func version() async throws -> VersionReport { VersionReport(version: programVersion) }

    /// Leases a port, tries the service, and starts a gate that goes on by itself. Blocks for some 50 ms.
    public func serve(_ service: ServiceRequest) async throws -> LeaseReport {
        try ServiceLauncher(topology: topology, paths: paths).serve(
            service, gateCommand: [try Self.program(), "gate", "--", service.source], trialCommand: try Self.trial())
    }

    /// The reserved ports; gates are asked, each for 1 s at the most.
    public func ports() async throws -> PortsReport {
        try status().report()
    }

    /// Ends services, and returns when their ports are free.
    public func release(_ selection: ReleaseSelection) async throws -> ReleaseReport {
        try status().release(selection)
    }

    /// Asks the agent over the socket that the host shares.
    public func forwards() async throws -> ForwardsReport {
        let socket = paths.hostSocket
        return try await Thread.run { try HostAgentClient.ask(socket) }
    }

    /// Reads the source to its end; ends within 200 ms when the task is cancelled.
    public func hash(_ source: String, algorithms: [HashAlgorithm]) async throws -> HashReport {
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

    /// Listens on a thread of its own; the ports are free again when this returns.
    public func withProbe<Result: Sendable>(
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

    /// The names in the evidence directory; nothing is opened.
    public var evidenceNames: [String] { Source.names(in: paths.evidenceDirectory) }

    /// What is leased; nothing where that can't be known.
    public var leases: [LeaseReport] {
        (try? status().report().ports.compactMap { $0.lease?.service }) ?? []
    }
}
