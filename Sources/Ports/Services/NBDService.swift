import Core
import FoundationEssentials
import Glibc
import NBD
import Platform

/// A source exported over NBD: one nbdkit for each client.
struct NBDService: Service {
    private let request: NBDRequest
    private let opened: OpenSource
    private let range: ExportRange
    private let exportName: String

    /// Clients at a time, where nothing else is asked for.
    private static let maxClients = 32
    private static let ending = ServiceEnding(signal: SIGTERM, graceSeconds: 2, lastGraceSeconds: 1)

    /// Finds and opens what is to be exported, and decides whether it may be.
    ///
    /// - Parameters:
    ///   - request: what to export, and to whom.
    ///   - paths: where evidence lies, and programs.
    ///   - trialCommand: the arguments that run ``Source/tryOpening(_:in:)`` in this program, its path first.
    /// - Throws: `ScoutError`: `noSource`, `refused` (a source that could be written to), `io` and `badData` (the part that
    ///   was asked for can't be exported), `usage` (a name that none can have).
    init(_ request: NBDRequest, paths: Paths, trialCommand: [String]) throws(ScoutError) {
        self.request = request
        opened = try OpenSource.open(request.source, in: paths.evidenceDirectory, trial: trialCommand)
        let source = opened.source
        if request.writable {
            try EvidenceGuard(directory: paths.evidenceDirectory).refuseEvidence(source, as: request.source)
        }
        try Self.guardReadOnly(source, request)
        range = try ExportRange(of: opened, request, path: paths.environment["PATH"])
        exportName = try Self.exportName(request.name ?? source.name)
    }

    func makeReady(at place: ServicePlace) throws -> ConnectionIntake {
        let keyFile = try request.tls == .psk ? writeKey(at: place) : nil
        let links = try ScoutError.wrap(PrivateDirectory(place.store.exportPath(place.port)))
        let server = NBDServer(
            range: range, exportName: exportName, directory: links.path, writable: request.writable, keyFile: keyFile)
        let command = try server.command(path: place.environment["PATH"])
        try link(in: links)
        try Preflight(
            command: command, source: opened, exportName: exportName, keyFile: keyFile, readOnly: !request.writable,
            sizeBytes: range.sizeBytes
        ).run()
        return .socketPerClient(
            GatedServer(
                command: command, source: opened, report: report(at: place, keyFile: keyFile),
                maxClients: request.maxClients ?? Self.maxClients, idleTimeout: request.idleTimeout,
                ending: Self.ending))
    }

    private func report(at place: ServicePlace, keyFile: String?) -> LeaseReport {
        LeaseReport(
            port: place.port, service: "nbd", name: exportName, source: opened.source.path,
            readOnly: !request.writable,
            uri: Topology.exportURI(
                host: place.topology.hostVPNAddress, port: place.port, name: exportName,
                user: keyFile == nil ? nil : NBDServer.presharedKeyUser),
            bind: place.bind, allow: request.allow ?? place.caller, tls: request.tls, pskFile: keyFile, pid: 0,
            state: "listening", startedAt: Date(), sourceID: opened.source.identity.text,
            offsetBytes: range.offsetBytes, sizeBytes: range.sizeBytes)
    }

    /// Makes the name by which a server finds its descriptor.
    private func link(in links: PrivateDirectory) throws(ScoutError) {
        let target = "/proc/self/fd/\(ServerCommand.sourceDescriptor)"
        guard symlinkat(target, links.descriptor, exportName) == 0 else {
            throw ScoutError(.cannotCreate, "\(links.path)/\(exportName): \(String(cString: strerror(errno)))")
        }
    }

    /// The first of three checks that evidence stays as it is.
    private static func guardReadOnly(_ source: Source, _ request: NBDRequest) throws(ScoutError) {
        guard source.isBlockDevice, !source.readOnly, !request.writable else { return }
        throw ScoutError(
            .refused, "\(source.path) can be written to: it is not served as evidence",
            hint: "ask the owner to map it read-only; --writable exports it for writing")
    }

    private static func exportName(_ text: String) throws(ScoutError) -> String {
        let name = Topology.exportName(text)
        guard Topology.isExportName(name) else {
            throw ScoutError(.usage, "'\(text)' can't name an export", hint: "--name gives it another")
        }
        return name
    }

    /// Writes a key in the form of nbdkit's and libnbd's PSK files: `user:hex`.
    private func writeKey(at place: ServicePlace) throws(ScoutError) -> String {
        let user = NBDServer.presharedKeyUser
        let given = request.presharedKey.map { PresharedKey(user: user, digits: $0) } ?? PresharedKey(user: user)
        guard let key = given else { throw ScoutError(.usage, "a pre-shared key is 64 hexadecimal digits") }
        try ScoutError.wrap(place.store.directory.replace(LeaseStore.key(place.port), with: key.fileText.utf8))
        return place.store.keyPath(place.port)
    }
}
