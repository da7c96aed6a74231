import FoundationEssentials
import Host
import Netfilter
import Platform
import Testing
import TestSupport

/// What `Tests/Lab/kernel-agreement` reads and writes.
struct AgreementOrder: Encodable {
    struct Attempt: Codable {
        var from: String
        var source: String
        var to: String
        var proto: String
        var port: UInt16
        var sourcePort: UInt16

        /// - Parameter source: an address of the neighbour; its first by default.
        init(
            from: String, source: String? = nil, to: String, proto: String = "tcp", port: UInt16, sourcePort: UInt16
        ) {
            let all = AgreementNetwork.addresses(to.contains(":") ? .ipv6 : .ipv4)
            self.from = from
            self.source = source ?? all.neighbours[from]?.first ?? ""
            self.to = to
            self.proto = proto
            self.port = port
            self.sourcePort = sourcePort
        }

        enum CodingKeys: String, CodingKey {
            case from, source, to
            case proto = "protocol"
            case port, sourcePort
        }
    }
    struct Case: Encodable {
        var backend: String
        var ipv4: String
        var ipv6: String
        var extra = ""
        /// What the router's kernel is told beside its rules, a shell script; its whole listing comes back then.
        var host = ""
        var timeout: Double
        var attempts: [Attempt]
    }
    var lanes: Int
    var listing = HostListing.script
    var cases: [Case]
}

struct AgreementAnswer: Decodable {
    struct Result: Decodable {
        var error: String?
        var ipv4: String
        var ipv6: String
        var nft: String
        var bytecode: String
        var host: String
        var attempts: [String]
    }
    var results: [Result]
}

/// Has the kernel try all of it, some hundred cases at a time.
func askKernel(_ cases: [AgreementOrder.Case], lanes: Int = 4) async throws -> [AgreementAnswer.Result] {
    let script = Command("\(Project.root)/Tests/Lab/kernel-agreement", environment: Project.environment)
    var results: [AgreementAnswer.Result] = []
    while results.count < cases.count {
        let part = Array(cases[results.count...].prefix(400))
        let order = try JSONEncoder().encode(AgreementOrder(lanes: lanes, cases: part))
        let outcome = try await script(input: String(decoding: order, as: UTF8.self))
        try #require(outcome.status == 0, "\(outcome.errors)")
        let answer = try JSONDecoder().decode(AgreementAnswer.self, from: Data(outcome.output.utf8))
        try #require(answer.results.count == part.count)
        results += answer.results
    }
    return results
}
