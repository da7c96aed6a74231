public import Core
import FoundationEssentials
import Glibc

/// Exports sources over NBD on leased ports.
public struct ServiceLauncher: Sendable {
    private let topology: Topology
    private let paths: Paths
    private let store: LeaseStore

    /// What an export has to be, before its port is opened to anybody.
    public struct Preflight: Sendable {
        /// A connected socket to the server; whoever is handed it owns it.
        public let socket: CInt
        /// The export's name.
        public let exportName: String
        /// The file with the pre-shared key and its user, where TLS is required.
        public let key: (user: String, file: String)?
        /// Whether the export must say that it is read-only.
        public let readOnly: Bool
        /// The size it must say it has.
        public let sizeBytes: Int64
    }

    /// - Parameters:
    ///   - topology: the container's address and the reserved ports.
    ///   - paths: where locks, keys, logs and evidence lie.
    /// - Throws: `ScoutError` where the runtime directory is not to be had.
    public init(topology: Topology, paths: Paths) throws(ScoutError) {
        self.topology = topology
        self.paths = paths
        store = try LeaseStore(topology: topology, paths: paths)
    }

    /// Leases a port, proves the export, and starts the gate, which goes on by itself.
    ///
    /// - Parameters:
    ///   - request: what to export and to whom.
    ///   - gateCommand: the words that run ``Gate/run()`` in this program, its path first.
    ///   - trialCommand: the words that run ``Source/tryOpening(_:in:)`` in this program, its path first.
    ///   - check: examines the export over a connection of its own before anybody else may.
    /// - Returns: the lease; the port answers.
    /// - Throws: `ScoutError`: `noSource`, `refused` (a source that could be written to), `busy` (no free port),
    ///   `unreachable` (no nbdkit), `io` (the source can't be exported).
    ///
    /// Blocks for as long as nbdkit takes to start, some 50 ms.
    public func serve(
        _ request: NBDRequest, gateCommand: [String], trialCommand: [String], check: (Preflight) throws -> Void
    ) throws -> LeaseReport {
        let opened = try OpenSource.open(request.source, in: paths.evidenceDirectory, trial: trialCommand)
        let source = opened.source
        if request.writable {
            try EvidenceGuard(directory: paths.evidenceDirectory).refuseEvidence(source, as: request.source)
        }
        try Self.guardReadOnly(source, request)
        let range = try ExportRange(of: opened, request, path: paths.environment["PATH"])
        let name = try Self.exportName(request.name ?? source.name)
        guard let address = IPAddress(topology.containerAddress), topology.isContainer(NetworkInterface.all()) else {
            throw ScoutError(
                .failed, "no interface of this machine carries \(topology.containerAddress)",
                hint: "run this in the container, or choose its network with --topology")
        }

        let lease = try take(request.port, on: address)
        do {
            let keyFile = try request.tls == .psk ? writeKey(request.presharedKey, port: lease.port) : nil
            let server = try NBDServer(
                opened: opened, range: range, exportName: name, directory: store.exportPath(lease.port),
                request: request, keyFile: keyFile, path: paths.environment["PATH"])
            try link(name, lease.port)
            try server.preflight { socket in
                try check(
                    Preflight(
                        socket: socket, exportName: name, key: keyFile.map { (NBDServer.presharedKeyUser, $0) },
                        readOnly: !request.writable, sizeBytes: range.sizeBytes))
            }
            return try start(lease, server, address: address, gateCommand: gateCommand)
        } catch {
            lease.giveUp(store)
            throw error
        }
    }

    /// Makes the name by which a server finds its descriptor.
    private func link(_ name: String, _ port: UInt16) throws(ScoutError) {
        let links = try PrivateDirectory(store.exportPath(port))
        guard symlinkat("/proc/self/fd/\(NBDServer.sourceDescriptor)", links.descriptor, name) == 0 else {
            throw ScoutError(.cannotCreate, "\(links.path)/\(name): \(String(cString: strerror(errno)))")
        }
    }

    private func start(_ lease: Lease, _ server: NBDServer, address: IPAddress, gateCommand: [String]) throws
        -> LeaseReport
    {
        let request = server.request
        let secure = server.keyFile != nil
        let report = LeaseReport(
            port: lease.port, service: "nbd", name: server.exportName, source: server.opened.source.path,
            readOnly: !request.writable,
            uri: Topology.exportURI(
                host: topology.hostVPNAddress, port: lease.port, name: server.exportName,
                user: secure ? NBDServer.presharedKeyUser : nil),
            bind: "\(topology.containerAddress):\(lease.port)",
            allow: request.allow ?? callersAddress(), tls: request.tls, pskFile: server.keyFile, pid: 0,
            state: "listening", startedAt: Date(), sourceID: server.opened.source.identity.text,
            offsetBytes: server.range.offsetBytes, sizeBytes: server.range.sizeBytes)
        let spec = GateSpec(
            lease: report, executable: server.executable, arguments: server.arguments,
            maxClients: request.maxClients ?? 32, idleSeconds: request.idleTimeout.map { $0 / .seconds(1) },
            directory: store.directory.path, logDirectory: store.logs.path,
            source: server.opened.source.identity)
        var started = report
        started.pid = try GateLauncher(spec: spec, lease: lease, source: server.opened, store: store).run(
            gateCommand)
        return started
    }

    private func take(_ wanted: UInt16?, on address: IPAddress) throws(ScoutError) -> Lease {
        if let wanted, !store.ports.contains(wanted) {
            throw ScoutError(
                .usage, "port \(wanted) is not one of the reserved ports",
                hint: "choose one of \(store.ports.lowerBound)–\(store.ports.upperBound)")
        }
        for port in wanted.map({ $0...$0 }) ?? store.ports {
            do {
                return try Lease.take(port, on: address, in: store)
            } catch .failed(let error) {
                throw error
            } catch {
                continue
            }
        }
        let held = PortStatus(store: store, container: topology.containerAddress).rows()
            .filter { wanted == nil || $0.port == wanted }.map(\.holder)
        throw ScoutError(
            .busy,
            wanted.map { "port \($0) is taken: \(held.first ?? "")" }
                ?? "all ports are taken: \(held.joined(separator: ", "))",
            hint: "scout release PORT frees one; scout ports shows them")
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

    /// The address that the calling SSH session came from, after sshd's `SSH_CONNECTION` (ssh(1)).
    private func callersAddress() -> [CIDR] {
        let words = paths.environment["SSH_CONNECTION"]?.split(separator: " ") ?? []
        return words.first.flatMap { CIDR(String($0)) }.map { [$0] } ?? []
    }

    /// Writes a key in the form of nbdkit's and libnbd's PSK files: `user:hex`.
    private func writeKey(_ key: String?, port: UInt16) throws(ScoutError) -> String {
        var random = SystemRandomNumberGenerator()
        let digits =
            key
            ?? (0..<32).map { _ in
                let byte = String(UInt8.random(in: 0 ... .max, using: &random), radix: 16)
                return byte.count == 1 ? "0" + byte : byte
            }.joined()
        guard digits.count == 64, digits.allSatisfy(\.isHexDigit) else {
            throw ScoutError(.usage, "a pre-shared key is 64 hexadecimal digits")
        }
        try store.directory.replace(
            LeaseStore.key(port), with: "\(NBDServer.presharedKeyUser):\(digits)\n".utf8)
        return store.keyPath(port)
    }
}
