import FoundationEssentials
import TestSupport
import Testing

/// What `Tests/Lab/kernel-agreement` reads and writes.
struct AgreementOrder: Encodable {
    struct Attempt: Codable {
        var from: String
        var to: String
        var port: UInt16
        var sourcePort: UInt16
    }
    struct Case: Encodable {
        var backend: String
        var ipv4: String
        var ipv6: String
        var extra = ""
        var timeout: Double
        var attempts: [Attempt]
    }
    var lanes: Int
    var cases: [Case]
}

struct AgreementAnswer: Decodable {
    struct Result: Decodable {
        var error: String?
        var ipv4: String
        var ipv6: String
        var nft: String
        var bytecode: String
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
