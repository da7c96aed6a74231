public import Core
import Glibc
import NBD
public import Platform

/// Takes an image of an NBD export: streams, hashes, writes, reads again, compares, and only then names it.
public struct Acquisition: Sendable {
    /// What can be chosen.
    public struct Options: Sendable {
        /// Read the image again from the disk and compare; `true` by default.
        public var verify = true
        /// Have the server send every byte, also where it says that there are only zeros; `false` by default.
        public var readsZeros = false
        /// How many connections, 1 by default; more only help where the line loses packets.
        public var connections: Int?
        /// How long connecting and negotiating may take together; 10 s by default.
        public var connectDeadline = Duration.seconds(10)
        /// How long the server may send nothing while it is asked for something; 30 s by default. A disk that takes
        /// longer over a bad sector needs more.
        public var inactivityTimeout = Duration.seconds(30)
        /// The case, for the manifest.
        public var `case` = CaseRecord()
        /// The whole command line, for the manifest.
        public var command = ""
        /// The version of this program, for the manifest.
        public var version = ""

        /// The defaults.
        public init() {}
    }

    /// What came of it. With `manifest.conditions` not empty it is not all that was wished for.
    public struct Result: Sendable {
        /// The manifest, as it lies beside the image.
        public let manifest: Manifest
        /// Where the manifest lies.
        public let manifestPath: String
        /// The SHA-256 of the manifest file, to be recorded elsewhere.
        public let manifestSHA256: String
        /// Where the report for people lies.
        public let reportPath: String
    }

    /// Computes the source's own digests at the source.
    public typealias SourceDigests = @Sendable () async throws -> [HashAlgorithm: String]

    private let uri: String
    private let source: SourceDescription
    private let image: String
    private let held: ImageFiles?
    private let hashes: [HashAlgorithm]
    private let options: Options
    private let sourceDigests: SourceDigests?

    /// - Parameters:
    ///   - uri: of the export; `nbds` requires TLS.
    ///   - source: what the caller knows of the source; its size must be the export's.
    ///   - image: the path of the image to make. It, `IMAGE.partial`, `IMAGE.scout.json` and `IMAGE.txt` must not exist,
    ///     and are made as the first thing of all.
    ///   - hashes: what to compute; without any, nothing can be compared later.
    ///   - options: what can be chosen.
    ///   - sourceDigests: started with the first byte; its results are compared with the image's.
    public init(
        uri: String, source: SourceDescription, image: String, hashes: [HashAlgorithm], options: Options = Options(),
        sourceDigests: SourceDigests? = nil
    ) {
        self.uri = uri
        self.source = source
        self.image = image
        held = nil
        self.hashes = hashes
        self.options = options
        self.sourceDigests = sourceDigests
    }

    /// - Parameter files: already made and held; the rest as above.
    public init(
        uri: String, source: SourceDescription, files: ImageFiles, hashes: [HashAlgorithm],
        options: Options = Options(), sourceDigests: SourceDigests? = nil
    ) {
        self.uri = uri
        self.source = source
        image = files.names.image
        held = files
        self.hashes = hashes
        self.options = options
        self.sourceDigests = sourceDigests
    }

    /// Takes the image.
    ///
    /// - Parameters:
    ///   - cancellation: ends the work within 200 ms; within 3 s where the laptop's own disk does not answer.
    ///   - events: told of what happens, on the thread on which it happens; the last one is `ended`.
    /// - Returns: what came of it; the image, its manifest and its report are in place and on the disk.
    /// - Throws: `ScoutError`. `cannotCreate`: a name is taken, or a file of the acquisition was taken away. `refused`: the
    ///   export is writable, or TLS failed. `unreachable`: no connection, or a lost one. `badData`: the export is not of
    ///   the source's size. `io`: disk full. `failed`: the image does not agree with the stream or the source.
    ///   `interrupted`. What was read stays in `IMAGE.partial`, which the message names.
    public func run(
        cancellation: Cancellation<ScoutError>, events: @escaping @Sendable (Event) -> Void
    ) async throws -> Result {
        let journal = Journal(events)
        return try await journal.ending { try await run(cancellation, journal) }
    }

    private func run(_ cancellation: Cancellation<ScoutError>, _ journal: Journal) async throws -> Result {
        let files = if let held { held } else { try ImageFiles(image) }
        let sourceHashing = sourceDigests.map(SourceHashing.init)
        defer { sourceHashing?.cancel() }
        // The user's handle, and what the watch over the files finds, end the same waits.
        let inner = try Cancellation()
        let outer = cancellation.onCancel { inner.cancel(cancellation.reason) }
        defer { cancellation.forget(outer) }
        let watch = try FileWatch(files, inner)
        defer { watch.stop() }
        do {
            let result = try await take(files, inner, sourceHashing, journal)
            return result
        } catch {
            let told = (error as? ScoutError).map(files.explain) ?? error
            // On a disk that does not answer this waits for no longer than any cancelled work.
            inner.cancel()
            try? await inner.run { files.abandon() }
            throw told
        }
    }

    private func take(
        _ files: ImageFiles, _ cancellation: Cancellation<ScoutError>, _ sourceHashing: SourceHashing?,
        _ journal: Journal
    ) async throws -> Result {
        var manifest = try await cancellation.run { try read(files, cancellation, sourceHashing, journal) }
        do {
            try await compare(&manifest, with: sourceHashing, cancellation, journal)
        } catch let error as ScoutError {
            throw error.telling(unreadable: manifest.unreadable)
        }
        let findings = manifest.findings
        journal.note(.completed(findings))
        manifest.conditions = findings
        manifest.note(journal.timeline)
        try cancellation.check()
        let bytes = try manifest.json()
        let report = TextReport.text(manifest, manifestBytes: bytes)
        try await cancellation.run { try files.complete(manifest: bytes, report: report) }
        journal.note(.named(image: image))
        return Result(
            manifest: manifest, manifestPath: files.names.manifest, manifestSHA256: TextReport.digest(bytes),
            reportPath: files.names.report)
    }

    /// All that reads and writes, on one thread and the pipelines' own.
    private func read(
        _ files: ImageFiles, _ cancellation: Cancellation<ScoutError>, _ sourceHashing: SourceHashing?,
        _ journal: Journal
    ) throws(ScoutError) -> Manifest {
        try cancellation.check()
        journal.note(.began(image: image))
        let export = try ExportConnections(
            uri, connections: options.connections, deadline: options.connectDeadline, allowsHoles: !options.readsZeros,
            cancellation: cancellation)
        try check(export)
        try files.setSize(export.sizeBytes)
        sourceHashing?.start()
        let source = describe(export)
        journal.note(.connected(source))

        let reader = ExportReader(
            export.connections, budget: export.budget, inactivityTimeout: options.inactivityTimeout
        ) { journal.note(.readError($0)) }
        let writer = ImageWriter(files)
        let hashing = HashSink.sinks(for: hashes)
        var manifest = Manifest(source: source, tool: .current(version: options.version, command: options.command))
        do throws(ScoutError) {
            let pipeline = Pipeline(buffers: export.buffers, phase: .reading, cancellation: cancellation) {
                journal.note(.progress($0))
            }
            try pipeline.run(reader, into: hashing + [writer])
            journal.note(.read(sizeBytes: export.sizeBytes))
            try files.sync(cancellation)
            journal.note(.synced)
            manifest.verified = try verify(files, export.sizeBytes, hashing.digests, cancellation, journal)
        } catch {
            throw error.telling(unreadable: reader.errors.unreadable)
        }
        manifest.case = options.case
        manifest.note(reader, writer, path: image)
        manifest.note(hashing.digests)
        return manifest
    }

    /// What the caller knows of the source, with what was negotiated.
    private func describe(_ export: ExportConnections) -> SourceDescription {
        var source = source
        source.sizeBytes = export.sizeBytes
        source.uri = export.uri.withoutQuery
        source.tls = export.security
        source.peerAuthentication = export.peerAuthentication
        source.exportReadOnly = export.isReadOnly
        return source
    }

    private func check(_ export: ExportConnections) throws(ScoutError) {
        guard export.isReadOnly else {
            throw ScoutError(
                .refused,
                "the export \(export.uri.withoutQuery) can be written to; evidence is read from read-only exports",
                hint: "serve it without --writable")
        }
        if let expected = source.sizeBytes, expected != export.sizeBytes {
            throw ScoutError(
                .badData, "the export has \(export.sizeBytes) bytes, but \(source.path) has \(expected)",
                hint: "check that the URI is the one of this source")
        }
    }

    private func verify(
        _ files: ImageFiles, _ size: UInt64, _ digests: [HashAlgorithm: String],
        _ cancellation: Cancellation<ScoutError>,
        _ journal: Journal
    ) throws(ScoutError) -> Bool {
        guard options.verify, !hashes.isEmpty else { return false }
        let hashing = HashSink.sinks(for: hashes)
        let pipeline = Pipeline(phase: .verifying, cancellation: cancellation) { journal.note(.progress($0)) }
        try pipeline.run(files.reader(size: size), into: hashing)
        let again = hashing.digests
        let differing = HashAlgorithm.allCases.filter { again[$0] != digests[$0] }.map {
            "\($0.displayName) of the stream is \(digests[$0] ?? "-"), of the file \(again[$0] ?? "-")"
        }
        guard differing.isEmpty else {
            throw ScoutError(
                .failed, "the image on the disk does not match the data received: \(differing.joined(separator: "; "))",
                hint: "do not rely on this disk: acquire again to another one")
        }
        journal.note(.verified)
        return true
    }

    private func compare(
        _ manifest: inout Manifest, with sourceHashing: SourceHashing?, _ cancellation: Cancellation<ScoutError>,
        _ journal: Journal
    ) async throws {
        guard let sourceHashing else { return }
        let digests: [HashAlgorithm: String]
        do {
            digests = try await sourceHashing.digests(cancellation)
        } catch {
            try cancellation.check()
            manifest.sourceHashError = "\(error)"
            journal.note(.comparedWithSource(agrees: nil))
            return
        }
        var differing: [String] = []
        for algorithm in HashAlgorithm.allCases {
            guard let mine = manifest.hashes[algorithm.rawValue]?.image, let theirs = digests[algorithm]?.lowercased()
            else { continue }
            manifest.hashes[algorithm.rawValue]?.source = theirs
            if mine != theirs {
                differing.append("\(algorithm.displayName) of the image is \(mine), computed at the source \(theirs)")
            }
        }
        guard differing.isEmpty else {
            journal.note(.comparedWithSource(agrees: false))
            throw ScoutError(
                .failed, "the image does not match the source: \(differing.joined(separator: "; "))",
                hint: manifest.badRanges.isEmpty
                    ? manifest.coverage?.promisedZeroBytes == 0
                        ? "find out whether the source is in use and changes"
                        : "the server may have promised zeros where the source has data: acquire again with --read-zeros"
                    : "the source has unreadable ranges, which may be read differently there")
        }
        if manifest.hashes.values.allSatisfy({ $0.source == nil }) {
            manifest.sourceHashError = "the source computed none of the image's hashes"
        }
        journal.note(.comparedWithSource(agrees: manifest.sourceHashError == nil ? true : nil))
    }
}
