import Core

/// What a manifest says of the source, in sentences that claim no more than was done. One wording for all outputs.
extension Manifest {
    /// How much of the source could not be read: bytes, and separate ranges.
    var unreadable: (bytes: UInt64, ranges: Int) { (badRanges.reduce(0) { $0 + $1.lengthBytes }, badRanges.count) }

    /// Whether a hash that the source computed of itself, by reading all of it, is the image's.
    public var isProvenAtSource: Bool {
        let compared = hashes.values.filter { $0.source != nil }
        return !compared.isEmpty && compared.allSatisfy { $0.source == ($0.recorded ?? $0.image) }
    }

    /// Whether every byte of the image is known to be the source's, because it was read or hashed there.
    public var isWholeSourceRead: Bool {
        guard let coverage, badRanges.isEmpty, coverage.unreadableBytes == 0 else { return false }
        return coverage.promisedZeroBytes == 0 || isProvenAtSource
    }

    /// What was read of the source and what was not, a sentence each.
    public var coverageStatements: [String] {
        guard let coverage else {
            return ["The manifest does not say how much of the source was read."] + badStatement
        }
        var lines: [String] = []
        if coverage.promisedZeroBytes > 0 {
            let what = Self.size(coverage.promisedZeroBytes, coverage.promisedZeroRangeCount)
            lines.append("\(what) of the source were not read: zeros only promised by the server.")
            lines.append(
                isProvenAtSource
                    ? "The hash computed at the source, over all of its bytes, agrees with those zeros."
                    : "That they are zeros at the source was not verified.")
        } else if badRanges.isEmpty {
            lines.append("Every byte of the source was read.")
        }
        return lines + badStatement
    }

    private var badStatement: [String] {
        guard unreadable.ranges > 0 else { return [] }
        return [
            "\(Self.size(unreadable.bytes, unreadable.ranges)) could not be read. They are zeros in the image, "
                + "and the hashes cover those zeros."
        ]
    }

    /// What an acquisition that has an image could not do, the worst first.
    var findings: [Condition] {
        var list: [Condition] = []
        if unreadable.ranges > 0 {
            list.append(
                Condition(
                    code: .io,
                    message: "the source had \(unreadable.ranges) unreadable ranges, \(unreadable.bytes) bytes, "
                        + "which are zeros in the image", hint: "they are listed in the manifest"))
        }
        if let reason = sourceHashError {
            list.append(
                Condition(
                    code: .failed, message: "the image is complete, but the source could not be hashed: \(reason)"))
        }
        return list
    }

    /// Everything in which an image is not what its manifest tells.
    var differences: [Condition] {
        var list: [Condition] = []
        if let recorded = image.recordedSizeBytes, recorded != image.sizeBytes {
            list.append(
                Condition(
                    code: .failed, message: "the image has \(image.sizeBytes) bytes, and the manifest says \(recorded)")
            )
        }
        for algorithm in HashAlgorithm.allCases {
            guard let hash = hashes[algorithm.rawValue], hash.matches != true else { continue }
            list.append(
                Condition(
                    code: .failed,
                    message: "\(algorithm.displayName) of the image is \(hash.image), "
                        + "and the manifest says \(hash.recorded ?? "nothing")"))
        }
        if manifestMatchesReport == false {
            list.append(
                Condition(code: .failed, message: "the manifest is not the one that the report beside it names"))
        }
        return list
    }

    /// For example `512 bytes in 1 range`.
    static func size(_ bytes: UInt64, _ count: Int) -> String {
        "\(bytes) bytes in \(count) range\(count == 1 ? "" : "s")"
    }
}

extension ScoutError {
    /// The same failure, with what could not be read until then.
    func telling(unreadable: (bytes: UInt64, ranges: Int)) -> ScoutError {
        guard unreadable.ranges > 0 else { return self }
        let what = Manifest.size(unreadable.bytes, unreadable.ranges)
        return ScoutError(code, "\(message); besides, \(what) of the source could not be read", hint: hint)
    }
}
