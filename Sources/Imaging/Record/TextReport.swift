import Core
import Crypto
import Platform

/// The facts of a manifest for people and for court: `IMAGE.txt`.
enum TextReport {
    private static let manifestLine = "SHA-256 of the manifest: "

    /// Writes a manifest out in plain words.
    ///
    /// - Parameter manifestBytes: the manifest file, whose SHA-256 ties the two together.
    static func text(_ manifest: Manifest, manifestBytes: [UInt8]) -> String {
        let source = manifest.source
        let image = manifest.image
        let coverage = manifest.coverage
        let name = Visible.field(source.name)
        var lines = ["Acquisition of \(name)", String(repeating: "=", count: 15 + name.count), ""]

        section("Case", in: &lines) {
            [
                ("Case number", manifest.case.number), ("Evidence number", manifest.case.evidence),
                ("Examiner", manifest.case.examiner), ("Operator", manifest.case.operator),
                ("Notes", manifest.case.notes),
            ]
        }
        section("Source", in: &lines) {
            [
                ("Name", source.name), ("Path", source.path), ("Size", source.sizeBytes.map(bytes)),
                ("Model", source.model), ("Serial number", source.serial),
                ("Device read-only", source.readOnly.map { $0 ? "yes" : "no" }),
                ("Export read-only", source.exportReadOnly.map { $0 ? "yes" : "no" }),
                ("Target", source.target), ("Address", source.address), ("URI", source.uri), ("TLS", source.tls),
                ("Server authentication", source.peerAuthentication.map { $0 == "psk" ? "pre-shared key" : "none" }),
                ("HPA", manifest.hpa), ("DCO", manifest.dco),
            ]
        }
        section("Image", in: &lines) {
            [
                ("File", image.path), ("Size", bytes(image.sizeBytes)), ("Data", image.dataBytes.map(bytes)),
                ("Holes in the file", image.holeBytes.map(bytes)),
            ]
        }
        section("Read from the source", in: &lines) {
            [
                ("Read", coverage.map { bytes($0.readBytes) }),
                ("Of which zeros", coverage.map { bytes($0.readZeroBytes) }),
                ("Zeros only promised", coverage.map { bytes($0.promisedZeroBytes) }),
                ("Unreadable", coverage.map { bytes($0.unreadableBytes) }),
            ]
        }
        section("Timeline", in: &lines) {
            [
                ("Started", manifest.startedAt), ("Finished", manifest.finishedAt),
                ("Average rate", bytes(manifest.averageBytesPerSecond) + " per second"),
                ("Interruptions", "\(manifest.interruptions)"),
            ]
        }
        lines += ["Hashes", "------"]
        for name in HashAlgorithm.allCases {
            guard let hash = manifest.hashes[name.rawValue] else { continue }
            lines += ["\(name.displayName) of the image:", "  " + grouped(hash.image)]
            guard let digest = hash.source else { continue }
            lines += ["\(name.displayName) of the source, computed there:", "  " + grouped(digest)]
        }
        lines += ["", verdict(manifest), ""]
        lines += notRead(manifest)
        section("Tool", in: &lines) {
            [
                ("Program", "\(manifest.tool.name) \(manifest.tool.version)"), ("libnbd", manifest.tool.libnbd),
                ("Machine", manifest.tool.host), ("Command", manifest.tool.command),
            ]
        }
        lines += [manifestLine + digest(manifestBytes)]
        return lines.joined(separator: "\n") + "\n"
    }

    /// Whether a report names a manifest with these bytes; one that names none has lost its end.
    static func names(_ manifestBytes: [UInt8], in report: String) -> Bool {
        let line = report.split(whereSeparator: \.isNewline).last { $0.hasPrefix(manifestLine) }
        return line.map { $0.dropFirst(manifestLine.count) == digest(manifestBytes) } ?? false
    }

    /// The SHA-256 of some bytes, in lower-case hexadecimal.
    static func digest(_ bytes: [UInt8]) -> String {
        SHA256.hash(data: bytes).hexadecimal
    }

    private static func section(_ title: String, in lines: inout [String], _ rows: () -> [(String, String?)]) {
        let known = rows().compactMap { name, value in value.map { (name, $0) } }
        guard !known.isEmpty else { return }
        lines += [title, String(repeating: "-", count: title.count)]
        for (name, value) in known {
            // Notes may have several lines, and names of the container's any; none may look like a fact of its own.
            let quoted = Visible.lines(value, mark: "    | ")
            lines.append(name + ":" + String(repeating: " ", count: max(24 - name.count, 1)) + quoted)
        }
        lines.append("")
    }

    private static func verdict(_ manifest: Manifest) -> String {
        var words =
            manifest.verified
            ? "The image was read again from the disk after writing: it matches the data received."
            : "The image was not read again after writing."
        if manifest.hashes.values.contains(where: { $0.source != nil }) {
            words += "\nThe hashes computed at the source agree with those of the image."
        } else if let reason = manifest.sourceHashError {
            words += "\nThere is no hash of the source to compare with: \(Visible.field(reason))"
        }
        return words
    }

    private static func notRead(_ manifest: Manifest) -> [String] {
        var lines = ["What was not read", "-----------------"] + manifest.coverageStatements
        if let coverage = manifest.coverage {
            for range in coverage.promisedZeroRanges {
                lines.append("  offset \(range.offsetBytes), length \(range.lengthBytes): promised zeros")
            }
            let more = coverage.promisedZeroRangeCount - coverage.promisedZeroRanges.count
            if more > 0 { lines.append("  and \(more) more ranges of promised zeros") }
        }
        for record in manifest.readErrors {
            lines.append(
                "  offset \(record.offsetBytes), length \(record.lengthBytes): \(Visible.field(record.error)) (\(record.errno)), "
                    + "retries: \(record.retries), \(record.outcome.rawValue)")
        }
        return lines + [""]
    }

    private static func bytes(_ count: UInt64) -> String { "\(count) bytes" }

    /// Eight digits at a time, so that two can be compared by eye.
    private static func grouped(_ digest: String) -> String {
        stride(from: 0, to: digest.count, by: 8).map { String(digest.dropFirst($0).prefix(8)) }.joined(separator: " ")
    }
}
