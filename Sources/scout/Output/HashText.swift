import Core

extension HashReport {
    /// A line for each digest.
    var page: Page {
        Page(
            HashAlgorithm.allCases.compactMap { algorithm in
                hashes[algorithm.rawValue].map { "\(algorithm.displayName.padding(to: 8)) \($0)  \(path)" }
            })
    }
}
