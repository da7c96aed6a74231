public import Core
import FoundationEssentials
import Glibc
import Platform

/// The devices that the owner mapped, as this machine sees them.
public struct EvidenceList: Sendable {
    private let directory: String
    private let path: String?

    /// - Parameter paths: where the evidence directory is.
    public init(paths: Paths) {
        directory = paths.evidenceDirectory
        path = paths.environment["PATH"]
    }

    /// What was found out about one entry.
    private struct Finding: Codable {
        var device: EvidenceReport.Device
        var identity: SourceIdentity?
    }

    /// How many devices are looked at together.
    private static let together = 16

    /// Looks at every entry of the evidence directory, each in a process of its own and within a deadline. One that does
    /// not answer is listed with what is known of it; one that is neither a device nor a file is left out.
    ///
    /// - Parameters:
    ///   - leases: the services that run now, to say which device is exported where.
    ///   - examineCommand: the arguments that run ``examine(_:)`` in this program, its path first; the name follows.
    public func report(leases: [LeaseReport], examineCommand: [String]) async -> EvidenceReport {
        var found: [String: Finding] = [:]
        let names = Source.names(in: directory)
        await withTaskGroup(of: (String, Finding?).self) { group in
            var rest = names[...]
            while let name = rest.popFirst() {
                group.addTask { (name, await finding(name, examineCommand)) }
                if names.count - rest.count >= Self.together, let (name, finding) = await group.next() {
                    found[name] = finding
                }
            }
            for await (name, finding) in group { found[name] = finding }
        }
        return EvidenceReport(
            devices: names.compactMap { found[$0] }.map { finding in
                var device = finding.device
                device.exportedOn = leases.filter { Self.exports($0, finding) }.map(\.port)
                return device
            })
    }

    /// A lease is known by the disk it was opened on; that of an older gate by its path.
    private static func exports(_ lease: LeaseReport, _ finding: Finding) -> Bool {
        guard let own = lease.sourceID, let identity = finding.identity else {
            return lease.source == finding.device.path
        }
        return own == identity.text
    }

    private func finding(_ name: String, _ command: [String]) async -> Finding? {
        let silent = Finding(device: device(name, reason: OpenSource.silent(name).message))
        guard let executable = command.first else { return silent }
        let child = ChildProcess(executable, command + [name])
        // A little longer than the examination takes for itself.
        let deadline = Source.deadline + .seconds(1)
        let outcome: ChildProcess.Output
        do {
            outcome = try await Thread.run { try child.output(within: deadline, limit: 1 << 20) }
        } catch {
            return Finding(device: device(name, reason: "it can't be looked at: \(error)"))
        }
        // The last word that was finished is the best one.
        let words = outcome.bytes.split(separator: 0x0A, omittingEmptySubsequences: false).dropLast()
        guard let last = words.last else { return outcome.isSuccess ? nil : silent }
        guard var finding = try? JSONDecoder().decode(Finding.self, from: Data(last)) else { return silent }
        if !outcome.isSuccess { finding.device.reason = OpenSource.silent(name).message }
        return finding
    }

    private func device(_ name: String, reason: String) -> EvidenceReport.Device {
        EvidenceReport.Device(
            name: name, path: directory + "/" + name, sizeBytes: 0, readOnly: false, partitions: [], exportedOn: [],
            reason: reason)
    }

    /// Looks at one entry, and prints what it knows, a line of JSON each time it knows more. Blocks for as long as the
    /// device does, so it has a process of its own; see ``report(leases:examineCommand:)``.
    ///
    /// - Throws: `ScoutError` (`io`) where a line can't be written: its lack would pass for an entry that is no device.
    public func examine(_ name: String) throws(ScoutError) {
        do throws(ScoutError) {
            let path = directory + "/" + name
            var info = stat()
            guard stat(path, &info) == 0 else {
                try Self.say(Finding(device: device(name, reason: String(cString: strerror(errno)))))
                return
            }
            // Silent about what is no device.
            guard SourceIdentity(info) != nil else { return }
            let unopened = try Source(name: name, path: path, unopened: info)
            try Self.say(Finding(device: Self.describe(unopened), identity: unopened.identity))
            let opened: OpenSource
            do throws(ScoutError) {
                opened = try OpenSource(name: name, path: path)
            } catch {
                var device = Self.describe(unopened)
                device.reason = error.message
                try Self.say(Finding(device: device, identity: unopened.identity))
                return
            }
            var device = Self.describe(opened.source)
            try Self.say(Finding(device: device, identity: opened.source.identity))
            let table = PartitionTable.read(opened, path: self.path)
            device.partitions = table.partitions
            device.reason = table.reason.map { "its partitions can't be told: \($0)" }
            try Self.say(Finding(device: device, identity: opened.source.identity))
        } catch {
            try Self.say(Finding(device: device(name, reason: error.message)))
        }
    }

    private static func describe(_ source: Source) -> EvidenceReport.Device {
        EvidenceReport.Device(
            name: source.name, path: source.path, sizeBytes: source.sizeBytes, readOnly: source.readOnly,
            partitions: [], exportedOn: [], model: source.model, serial: source.serial)
    }

    private static func say(_ finding: Finding) throws(ScoutError) {
        guard let line = try? JSONEncoder().encode(finding),
            Array(line + [0x0A]).withUnsafeBytes({ File.writeAll($0, to: STDOUT_FILENO) })
        else { throw ScoutError(.io, "what is known of \(finding.device.name) can't be written") }
    }
}
