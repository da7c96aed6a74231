public import Core
import FoundationEssentials
import NBD
public import Platform

/// Images a container's evidence: has it exported for this one purpose, takes the image, and frees the port.
public struct ContainerAcquisition: Sendable {
    /// What can be chosen.
    public struct Options: Sendable {
        /// How the image is taken.
        public var acquisition = Acquisition.Options()
        /// Which hashes.
        public var hashes = HashAlgorithm.standard
        /// Have the container hash the source where it lies, at the same time, and compare.
        public var hashAtSource = false

        /// The defaults.
        public init() {}
    }

    /// What stays where this process ends before it has cleared up.
    public struct Leftover: Sendable {
        /// What, where, and until when.
        public let text: String
        /// The file with the export's key, on this machine.
        public let keyFile: String
    }

    /// How long an export outlives an expert who has gone without a word.
    private static let idleTimeout = Duration.seconds(600)

    private let container: any Container
    private let host: String
    private let target: String
    private let keyDirectory: String

    /// - Parameters:
    ///   - container: where the evidence is.
    ///   - host: the address that the container's ports are forwarded from.
    ///   - target: what the expert calls it, for the manifest.
    ///   - keyDirectory: where the export's key is kept meanwhile, private to the user.
    public init(container: any Container, host: String, target: String, keyDirectory: String) {
        self.container = container
        self.host = host
        self.target = target
        self.keyDirectory = keyDirectory
    }

    /// Takes the image. However it ends, the export is ended and its key removed.
    ///
    /// - Parameters:
    ///   - source: an evidence name, or a path in the container.
    ///   - files: the image's, made and held.
    ///   - options: what can be chosen.
    ///   - cancellation: ends the work early.
    ///   - events: told of what happens, as in ``Acquisition/run(cancellation:events:)``.
    ///   - warning: told what the user has to know and the result does not say: that a port is still open there.
    ///   - leftover: told what would stay behind from now on; `nil` once nothing does.
    /// - Throws: `ScoutError`, as ``Acquisition/run(cancellation:events:)`` and ``Container/serve(_:)``.
    public func run(
        source: String, files: ImageFiles, options: Options, cancellation: Cancellation<ScoutError>,
        events: @escaping @Sendable (Event) -> Void, warning: @Sendable (String) -> Void,
        leftover: @Sendable (Leftover?) -> Void = { _ in }
    ) async throws -> Acquisition.Result {
        let device = try await container.evidence().devices.first { $0.name == source || $0.path == source }
        try cancellation.check()
        let key = try ExportKey(in: keyDirectory)
        defer {
            key.remove()
            leftover(nil)
        }
        var request = NBDRequest(source: source)
        request.name = "\(Self.baseName(source))-\(key.mark)"
        request.tls = .psk
        request.presharedKey = key.secret.digits
        request.idleTimeout = Self.idleTimeout
        leftover(Leftover(text: staying(request.name, on: nil), keyFile: key.path))
        let lease = try await serve(request)
        leftover(Leftover(text: staying(lease.name, on: lease.port), keyFile: key.path))
        let outcome: Result<Acquisition.Result, any Error>
        do {
            let plain = Topology.exportURI(host: host, port: lease.port, name: lease.name, user: ExportKey.user)
            let acquisition = Acquisition(
                uri: "\(plain)?tls-psk-file=\(key.path)", source: describe(lease, device, uri: plain), files: files,
                hashes: options.hashes, options: options.acquisition,
                sourceDigests: options.hashAtSource ? digests(of: source, options.hashes) : nil)
            outcome = .success(try await acquisition.run(cancellation: cancellation, events: events))
        } catch {
            outcome = .failure(error)
        }
        await release(lease, warning)
        return try outcome.get()
    }

    private func staying(_ name: String?, on port: UInt16?) -> String {
        let minutes = Int(Self.idleTimeout / .seconds(60))
        let place = port.map { "may still be on port \($0)" } ?? "may be left"
        return
            "the export \(name ?? "") of \(target) \(place), and ends by itself after \(minutes) minutes without a client"
    }

    /// In a task of its own: half of an export would leave a port or a key behind, so it is made, and then released.
    private func serve(_ request: NBDRequest) async throws -> LeaseReport {
        let container = container
        let served = await Task.detached { try await container.serve(.nbd(request)) }.result
        if case .failure(let error) = served, let name = request.name, let error = error as? ScoutError,
            [.unreachable, .protocolViolation, .interrupted].contains(error.code)
        {
            // Its answer is lost; the export may be there. Where it isn't, that is well.
            _ = await Task.detached { try? await container.release(.name(name)) }.value
        }
        return try served.get()
    }

    /// In a task of its own: a release must not be cancelled with the work it cleans up after.
    private func release(_ lease: LeaseReport, _ warning: (String) -> Void) async {
        let container = container
        let ended = await Task.detached { try await container.release(.name(lease.name)) }.result
        guard case .failure(let error) = ended else { return }
        warning("port \(lease.port) was not released (\(error)): \(staying(lease.name, on: lease.port))")
    }

    private func digests(of source: String, _ algorithms: [HashAlgorithm]) -> Acquisition.SourceDigests {
        let container = container
        return {
            let report = try await container.hash(source, algorithms: algorithms)
            let pairs = report.hashes.compactMap { name, value in HashAlgorithm(rawValue: name).map { ($0, value) } }
            return Dictionary(uniqueKeysWithValues: pairs)
        }
    }

    private func describe(_ lease: LeaseReport, _ device: EvidenceReport.Device?, uri: String) -> SourceDescription {
        SourceDescription(
            name: device?.name ?? Self.baseName(lease.source), path: lease.source,
            sizeBytes: device.flatMap { UInt64(exactly: $0.sizeBytes) }, readOnly: device?.readOnly,
            target: target, address: host, uri: uri, tls: lease.tls.rawValue, model: device?.model,
            serial: device?.serial)
    }

    private static func baseName(_ path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? path
    }
}

extension Acquisition {
    /// An image of what a server exports that a URI names, of which no container tells anything.
    ///
    /// - Parameters:
    ///   - server: `nbd://…` or `nbds://…`.
    ///   - files: the image's, made and held.
    ///   - options: what can be chosen; nothing hashes at such a source.
    public init(server uri: String, files: ImageFiles, options: ContainerAcquisition.Options) {
        let source = SourceDescription(
            name: uri, path: uri, sizeBytes: nil, readOnly: nil, target: nil, address: nil, uri: uri, tls: "",
            model: nil,
            serial: nil)
        self.init(uri: uri, source: source, files: files, hashes: options.hashes, options: options.acquisition)
    }
}
