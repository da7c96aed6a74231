public import Core
import FoundationEssentials
import Glibc
import NBD
import Platform

/// Where an image comes from, as the caller knows it; goes into the manifest as it is.
public struct SourceDescription: Codable, Hashable, Sendable {
    /// The device's name, for example `evidence0`.
    public var name: String
    /// The path at the source.
    public var path: String
    /// The size that the source reported, in bytes; the export must agree.
    public var sizeBytes: UInt64?
    /// Whether the block device itself says that it is read-only; `nil` where it was not asked.
    public var readOnly: Bool?
    /// Whether the export says that it is read-only.
    public var exportReadOnly: Bool?
    /// The target's name and address.
    public var target: String?
    /// The address that the data came from.
    public var address: String?
    /// The export's URI, without secrets.
    public var uri: String
    /// `off` or `psk`. The acquisition replaces this by what was negotiated.
    public var tls: String
    /// How the server proved who it is: `psk`, by knowing a pre-shared TLS key, or `none`. What was negotiated.
    public var peerAuthentication: String?
    /// The disk's model, where known.
    public var model: String?
    /// The disk's serial number, where known.
    public var serial: String?

    /// Describes a source; what is not known stays `nil`.
    public init(
        name: String, path: String, sizeBytes: UInt64? = nil, readOnly: Bool? = nil, target: String? = nil,
        address: String? = nil, uri: String = "", tls: String = "off", model: String? = nil, serial: String? = nil
    ) {
        self.name = name
        self.path = path
        self.sizeBytes = sizeBytes
        self.readOnly = readOnly
        self.target = target
        self.address = address
        self.uri = uri
        self.tls = tls
        self.model = model
        self.serial = serial
    }
}

/// What the examiner says about the case; goes into the manifest as it is.
public struct CaseRecord: Codable, Hashable, Sendable {
    /// The case number.
    public var number: String?
    /// The evidence number.
    public var evidence: String?
    /// The examiner's name.
    public var examiner: String?
    /// Who typed the command.
    public var `operator`: String?
    /// Free text.
    public var notes: String?

    /// Records a case; what is not given stays `nil`.
    public init(
        number: String? = nil, evidence: String? = nil, examiner: String? = nil, operator: String? = nil,
        notes: String? = nil
    ) {
        self.number = number
        self.evidence = evidence
        self.examiner = examiner
        self.operator = `operator`
        self.notes = notes
    }
}

/// What was acquired, how, and with which result: the JSON of `acquire` and `verify`, and `IMAGE.scout.json`.
public struct Manifest: Codable, Hashable, Sendable {
    /// The schema of an acquisition's manifest.
    public static let acquireSchema = "scout.acquire/1"
    /// The schema of a verification's result.
    public static let verifySchema = "scout.verify/1"

    /// The image file.
    public struct Image: Codable, Hashable, Sendable {
        /// The path, as it was given.
        public var path: String
        /// The size of the file in bytes.
        public var sizeBytes: UInt64
        /// In a verification: the size that the manifest tells.
        public var recordedSizeBytes: UInt64?
        /// Bytes that were written; `nil` in a verification.
        public var dataBytes: UInt64?
        /// Bytes left as holes, which read as zeros; `nil` in a verification.
        public var holeBytes: UInt64?
    }

    /// The values of one hash, in lower-case hexadecimal.
    public struct Hash: Codable, Hashable, Sendable {
        /// Of the image: as it was written, or in a verification as it was read just now.
        public var image: String
        /// Of the source, computed there.
        public var source: String?
        /// In a verification: what the manifest tells.
        public var recorded: String?
        /// In a verification: whether `image` and `recorded` agree.
        public var matches: Bool?
    }

    /// What did the work.
    public struct Tool: Codable, Hashable, Sendable {
        /// `scout`.
        public var name: String
        /// Its version.
        public var version: String
        /// The whole command line.
        public var command: String
        /// The version of libnbd.
        public var libnbd: String
        /// The machine and its operating system.
        public var host: String

        /// Describes this program on this machine.
        static func current(version: String, command: String) -> Tool {
            var names = utsname()
            // It fails for a bad address only.
            uname(&names)
            func text<T>(_ field: T) -> String {
                withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            }
            let host = [text(names.nodename), text(names.sysname), text(names.release), text(names.machine)]
            return Tool(
                name: "scout", version: version, command: command, libnbd: Connection.libraryVersion,
                host: host.joined(separator: " "))
        }
    }

    /// Something that keeps the result from being what was wished for.
    public struct Condition: Codable, Hashable, Sendable {
        /// The kind, which fixes the exit status.
        public var code: ScoutError.Code
        /// One line.
        public var message: String
        /// The next thing to do.
        public var hint: String?
    }

    /// The schema of this object, with its version.
    public var schema: String
    /// Where the image comes from.
    public var source: SourceDescription
    /// The image file.
    public var image: Image
    /// By the names of `HashAlgorithm`.
    public var hashes: [String: Hash]
    /// Whether the image was read again from the disk, and found equal to what was received.
    public var verified: Bool
    /// What could not be read, and is zeros in the image.
    public var badRanges: [BadRange]
    /// Every read that was answered with an error.
    public var readErrors: [ReadErrorRecord]
    /// How often the link was lost and made again.
    public var interruptions: Int
    /// UTC, ISO 8601.
    public var startedAt: String
    /// UTC, ISO 8601.
    public var finishedAt: String
    /// Bytes of the image per second, holes included, while reading.
    public var averageBytesPerSecond: UInt64
    /// What did the work.
    public var tool: Tool
    /// The case.
    public var `case`: CaseRecord
    /// Whether the host protected area was found: `unknown`, for a network block device does not tell.
    public var hpa: String
    /// Whether a device configuration overlay was found: `unknown`, as above.
    public var dco: String
    /// Why there is no hash of the source, where one was asked for.
    public var sourceHashError: String?
    /// In a verification: whether the manifest is the one that the text report beside it names; `nil` without a report.
    public var manifestMatchesReport: Bool?
    /// How much of the source was read; `nil` in manifests of version 0.1.
    public var coverage: Coverage?
    /// Everything that keeps the result from being what was wished for, the worst first: the first one's code is the exit
    /// status. `nil` in manifests of version 0.1.
    public var conditions: [Condition]?

    /// The JSON text: sorted keys, a final newline.
    public func json() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return try [UInt8](encoder.encode(self)) + [UInt8(ascii: "\n")]
    }

    /// Reads a manifest that was written by an acquisition.
    ///
    /// - Parameter path: `IMAGE.scout.json`.
    /// - Throws: `ScoutError`: `badData` where the file is missing, no manifest, or has no hash to check; `io`.
    static func read(_ path: String) throws(ScoutError) -> (manifest: Manifest, bytes: [UInt8]) {
        guard let bytes = try FileSystem.read(path) else {
            throw ScoutError(
                .badData, "there is no manifest \(path)",
                hint: "an image is verified against the manifest that its acquisition wrote beside it")
        }
        let manifest: Manifest
        do {
            manifest = try JSONDecoder().decode(Manifest.self, from: Data(bytes))
        } catch {
            throw ScoutError(.badData, "\(path) is not the manifest of an acquisition: \(Self.reason(error))")
        }
        guard manifest.schema == acquireSchema else {
            throw ScoutError(.badData, "\(path) has the schema '\(manifest.schema)', not '\(acquireSchema)'")
        }
        try manifest.check(path)
        return (manifest, bytes)
    }

    private static func reason(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return "it cannot be read" }
        return switch error {
        case .keyNotFound(let key, _): "'\(key.stringValue)' is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            (context.codingPath.map(\.stringValue) + [context.debugDescription]).joined(separator: " ")
        @unknown default: "it cannot be read"
        }
    }
}
