import ArgumentParser
import Core
import Imaging

/// How an image is taken.
struct ImagingOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Which hashes: md5, sha1, sha256, sha512, or none.", valueName: "LIST"))
    var hash = HashList(HashAlgorithm.standard)
    @Flag(name: .customLong("no-verify"), help: "Don't read the image again and compare.") var noVerify = false
    @Flag(help: "Have the container hash the source where it lies, and compare.") var verifySource = false
    @Flag(name: .customLong("read-zeros"), help: "Have zeros sent that the server would only promise.")
    var readZeros = false
    @Option(help: ArgumentHelp("How many connections, 1 to 16.", valueName: "N")) var connections: Int?

    func validate() throws {
        if let connections, !(1...16).contains(connections) { throw ValidationError("--connections is 1 to 16") }
        if verifySource, hash.algorithms.isEmpty { throw ValidationError("--verify-source needs a hash") }
    }

    /// The same for the acquisition.
    var options: ContainerAcquisition.Options {
        var options = ContainerAcquisition.Options()
        options.hashes = hash.algorithms
        options.hashAtSource = verifySource
        options.acquisition.verify = !noVerify
        options.acquisition.readsZeros = readZeros
        options.acquisition.connections = connections
        return options
    }
}

/// What the record says of the case.
struct CaseOptions: ParsableArguments {
    @Option(name: .customLong("case"), help: ArgumentHelp("The case's number.", valueName: "N")) var caseNumber: String?
    @Option(help: ArgumentHelp("The item's number.", valueName: "N")) var evidence: String?
    @Option(help: ArgumentHelp("Who examines it.", valueName: "S")) var examiner: String?
    @Option(help: ArgumentHelp("Anything worth recording.", valueName: "S")) var notes: String?

    /// The same for the record, with who runs this command.
    var record: CaseRecord {
        CaseRecord(
            number: caseNumber, evidence: evidence, examiner: examiner, operator: ScoutSelection.operatorName,
            notes: notes)
    }
}
