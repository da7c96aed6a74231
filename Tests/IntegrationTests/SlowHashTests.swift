import Core
import FoundationEssentials
import Glibc
import Sessions
import TestSupport
import Testing

/// A hash in the container takes as long as its disk is large; only a container that shows no sign of life is given up.
@Suite(InLab(.loopback), .timeLimit(.minutes(2))) struct SlowHashTests {
    /// By its descriptor: an ordinary user can't open for writing what is read-only already.
    private func makeSparse(_ path: String, _ size: Int64) throws {
        let file = creat(path, 0o444)
        try #require(file >= 0 && ftruncate(file, off_t(size)) == 0)
        close(file)
    }

    @Test func aHashThatTakesLongerThanTheSilenceLimitSucceeds() async throws {
        let lab = try #require(Lab.current)
        // Sparse: it costs the time to hash it and nothing else.
        let image = lab["SCOUT_LAB_REMOTE"] + "/evidence/evidence8"
        let size: Int64 = 3 << 30
        try makeSparse(image, size)
        defer { unlink(image) }
        let address = try #require(Address(lab["SCOUT_LAB_TARGET"]))
        let connector = Connector(
            paths: Paths(environment: ["HOME": lab["SCOUT_LAB_HOME"]]),
            acceptedHostKey: lab["SCOUT_LAB_FINGERPRINT"], prompter: Terminal(path: "/dev/null"))
        let patience = Duration.seconds(3)
        let begun = ContinuousClock.now
        let report = try await connector.withSession(to: address) { session in
            let container = RemoteContainer(
                session: session, host: address.host, reservedPorts: 2000...2009, hashSilence: patience,
                remark: { _ in })
            return try await container.hash("evidence8", algorithms: HashAlgorithm.allCases)
        }
        #expect(report.sizeBytes == size && report.hashes.count == HashAlgorithm.allCases.count)
        #expect(.now - begun > patience, "that was too fast to show anything")
    }

    @Test func whiteSpaceComesBeforeTheAnswerAndNeverWithoutJSON() async throws {
        let lab = try #require(Lab.current)
        let image = lab["SCOUT_LAB_REMOTE"] + "/evidence/evidence7"
        try makeSparse(image, 1 << 30)
        defer { unlink(image) }
        let words = ["hash", "--target", "local", "--keep-alive", "1", image]
        let bare = try await lab.onExpert(["scout"] + words)
        #expect(bare.status == 64 && bare.output.isEmpty && bare.errors.contains("--json"), "\(bare)")
        let json = try await lab.onExpert(["scout", "--json"] + words + ["--hash", "md5,sha1,sha256,sha512"])
        #expect(json.status == 0 && json.output.hasPrefix("\n"), "\(json)")
        #expect(try JSON.decode(HashReport.self, from: Data(json.output.utf8)).sizeBytes == 1 << 30)
        let help = try await lab.onExpert(["scout", "hash", "--help"])
        #expect(!help.output.contains("keep-alive"))
    }
}
