public import Core
import Subprocess

/// The devices that the owner mapped, as this machine sees them.
public struct EvidenceList: Sendable {
    private let directory: String

    /// - Parameter paths: where the evidence directory is.
    public init(paths: Paths) {
        directory = paths.evidenceDirectory
    }

    /// Looks at every device in the evidence directory. An entry that can't be looked at is left out.
    ///
    /// - Parameter leases: the services that run now, to say which device is exported where.
    public func report(leases: [LeaseReport]) async -> EvidenceReport {
        var devices: [EvidenceReport.Device] = []
        for name in Source.names(in: directory) {
            guard let source = try? Source.find(name, in: directory) else { continue }
            devices.append(
                EvidenceReport.Device(
                    name: name, path: source.path, sizeBytes: source.sizeBytes, readOnly: source.readOnly,
                    partitions: await partitions(of: source.path),
                    exportedOn: leases.filter { $0.source == source.path }.map(\.port),
                    model: source.model, serial: source.serial))
        }
        return EvidenceReport(devices: devices)
    }

    /// The partition table, read by partx(8), which never writes to the device or tells the kernel of it here.
    private func partitions(of path: String) async -> [EvidenceReport.Partition] {
        let arguments = ["--raw", "--noheadings", "--bytes", "--output", "NR,START,SIZE,TYPE", path]
        let result = try? await run(
            .name("partx"), arguments: Arguments(arguments), output: .string(limit: 1 << 20), error: .discarded)
        return (result?.standardOutput ?? "").split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard words.count == 4, let number = Int(words[0]), let start = Int64(words[1]), let size = Int64(words[2])
            else { return nil }
            return EvidenceReport.Partition(
                number: number, startBytes: start * 512, sizeBytes: size, type: String(words[3]))
        }
    }
}
