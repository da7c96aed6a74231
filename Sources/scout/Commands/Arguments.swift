import ArgumentParser
import Core
import Platform

/// A number of bytes on the command line: `4096`, `64K`, `1G`.
struct ByteCount: ExpressibleByArgument {
    let value: Int64

    init?(argument: String) {
        guard let value = Quantity.bytes(argument) else { return nil }
        self.value = value
    }
}

/// A time span on the command line: `90`, `10m`, `2h`.
struct TimeSpan: ExpressibleByArgument {
    let value: Duration

    init?(argument: String) {
        guard let value = Quantity.duration(argument) else { return nil }
        self.value = value
    }
}

/// Hashes on the command line: `sha256,md5`, or `none`.
struct HashList: ExpressibleByArgument {
    let algorithms: [HashAlgorithm]

    init(_ algorithms: [HashAlgorithm]) {
        self.algorithms = algorithms
    }

    init?(argument: String) {
        if argument == "none" {
            algorithms = []
            return
        }
        var chosen: [HashAlgorithm] = []
        for name in argument.lowercased().split(separator: ",", omittingEmptySubsequences: false) {
            guard let algorithm = HashAlgorithm(rawValue: String(name.replacing("-", with: ""))) else { return nil }
            if !chosen.contains(algorithm) { chosen.append(algorithm) }
        }
        algorithms = chosen
    }

    var defaultValueDescription: String { algorithms.map(\.rawValue).joined(separator: ",") }
    static var allValueStrings: [String] { HashAlgorithm.allCases.map(\.rawValue) + ["none"] }
}

/// Hashes on the command line where there has to be one: `sha256,md5`.
struct DigestList: ExpressibleByArgument {
    let algorithms: [HashAlgorithm]

    init(_ algorithms: [HashAlgorithm]) {
        self.algorithms = algorithms
    }

    init?(argument: String) {
        guard let list = HashList(argument: argument), !list.algorithms.isEmpty else { return nil }
        algorithms = list.algorithms
    }

    var defaultValueDescription: String { HashList(algorithms).defaultValueDescription }
    static var allValueStrings: [String] { HashAlgorithm.allCases.map(\.rawValue) }
}
