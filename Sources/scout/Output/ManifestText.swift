import Core
import Imaging

/// What `acquire` and `verify` print for people.
enum ManifestText {
    static func acquired(_ result: Acquisition.Result) -> Page {
        let manifest = result.manifest
        var lines = ["\(manifest.image.path): \(manifest.image.sizeBytes) bytes from \(manifest.source.name)"]
        for algorithm in HashAlgorithm.allCases {
            guard let hash = manifest.hashes[algorithm.rawValue] else { continue }
            let name = algorithm.displayName.padding(to: 8)
            lines.append("\(name) image  \(hash.image)")
            if let source = hash.source { lines.append("\(name) source \(source)") }
        }
        if !manifest.verified {
            lines.append("NOT read again: not verified")
        } else if manifest.isWholeSourceRead {
            lines.append("read again and verified")
        } else {
            lines.append("read again: the image matches the data received")
        }
        if !manifest.isWholeSourceRead || manifest.coverage?.promisedZeroBytes != 0 {
            lines += manifest.coverageStatements
        }
        lines.append("manifest \(result.manifestPath), SHA-256 \(result.manifestSHA256)")
        return Page(lines)
    }

    static func verified(_ result: Verification.Result) -> Page {
        let manifest = result.manifest
        let image = manifest.image
        var lines: [String] = []
        if let recorded = image.recordedSizeBytes, recorded != image.sizeBytes {
            lines.append("size     DIFFERS: \(image.sizeBytes) bytes, recorded \(recorded)")
        }
        for algorithm in HashAlgorithm.allCases {
            guard let hash = manifest.hashes[algorithm.rawValue] else { continue }
            let verdict = hash.matches == true ? "agrees" : "DIFFERS"
            lines.append("\(algorithm.displayName.padding(to: 8)) \(verdict): \(hash.image)")
            if hash.matches != true, let recorded = hash.recorded { lines.append("         recorded \(recorded)") }
        }
        switch manifest.manifestMatchesReport {
        case false?: lines.append("manifest DIFFERS from the one its report names")
        case nil: lines.append("manifest not compared: there is no report beside it")
        case true?: break
        }
        if !result.isIntact {
            lines.append("\(image.path) is NOT what was acquired")
        } else if manifest.isWholeSourceRead {
            lines.append("\(image.path) is intact")
        } else {
            lines.append("\(image.path) is what was acquired, which is not all of the source:")
            lines += manifest.coverageStatements
        }
        return Page(lines)
    }
}
