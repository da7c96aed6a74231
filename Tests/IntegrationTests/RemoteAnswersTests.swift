import Core
import FoundationEssentials
import Glibc
import TestSupport
import Testing

/// What stands between a verb and its answer at the far end: the account's login shell, and the words of the user.
@Suite(.serialized, InLab(.loopback), .timeLimit(.minutes(2))) struct RemoteAnswersTests {
    private var lab: Lab {
        get throws { try #require(Lab.current) }
    }

    /// Runs a body while the account's shell starts like this.
    private func shell(_ startup: String, _ body: (Lab) async throws -> Void) async throws {
        let lab = try lab
        let file = lab["SCOUT_LAB_REMOTE"] + "/home/.bashrc"
        Workbench.write(Array((startup + "\n").utf8), to: file)
        defer { unlink(file) }
        try await body(lab)
    }

    @Test(arguments: ["echo Welcome", "printf Welcome", "trap 'echo; echo Welcome' EXIT", "echo '{\"Welcome\"'"])
    func whatALoginShellPrintsIsNoPartOfTheAnswer(startup: String) async throws {
        try await shell(startup) { lab in
            let evidence = try await lab.scout("evidence", "--json")
            #expect(evidence.status == 0, "\(evidence.errors) \(evidence.output)")
            #expect(throws: Never.self) { try JSON.decode(EvidenceReport.self, from: Data(evidence.output.utf8)) }
            #expect(evidence.errors.contains("the login shell in the container"), "\(evidence.errors)")
            #expect(evidence.errors.contains("Welcome") && evidence.errors.split(separator: "\n").count == 1)
            // One remark for many verbs, and a probe that is read while it goes on.
            let image = lab["SCOUT_LAB_HOME"] + "/\(startup.utf8.count).dd"
            let acquisition = try await lab.scout("acquire", "evidence0", image)
            #expect(acquisition.status == 0, "\(acquisition.errors)")
            #expect(acquisition.errors.split(separator: "\n").count { $0.contains("Welcome") } == 1)
            let doctor = try await lab.scout("doctor", "--topology", "loopback", "2003")
            #expect(doctor.status == 0, "\(doctor.output)")
            #expect(doctor.output.contains("the login shell prints '"), "\(doctor.output)")
        }
    }

    @Test(arguments: [
        ("exit 0", "with status 0"), ("exit 3", "with status 3"), ("echo last words; exit 1", "it says 'last words'"),
        ("printf '\\033]0;owned\\007\\033[2Jboo\\n' >&2; exit 3", "it says '\\u{1B}]0;owned\\u{7}\\u{1B}[2Jboo'"),
        ("kill -9 $$", "with status 137"),
    ])
    func aLoginShellThatEndsIsToldFromAnAnswer(startup: String, words: String) async throws {
        try await shell(startup) { lab in
            for verb in [["evidence"], ["release", "2003"], ["hash", "evidence0"]] {
                let outcome = try await lab.onExpert(["scout"] + lab.target + verb)
                #expect(outcome.status == 76, "\(outcome.errors)")
                #expect(outcome.errors.contains("the login shell in the container"), "\(outcome.errors)")
                #expect(
                    outcome.errors.contains(words) && outcome.errors.contains("the owner can mend"), "\(outcome.errors)"
                )
                #expect(!outcome.errors.contains("\u{1B}"))
            }
            let doctor = try await lab.scout("doctor", "--topology", "loopback", "--json")
            let report = try JSON.decoder().decode(DoctorShape.self, from: Data(doctor.output.utf8))
            let failed = report.hops.first { $0.ok == false }
            #expect(failed?.id == "toolkit" && failed?.detail.contains(words) == true, "\(doctor.output)")
            #expect(report.advice.hasPrefix("owner: "), "\(report.advice)")
        }
    }

    @Test func aLoginShellThatWaitsIsToldFromAContainerThatIsSlow() async throws {
        try await shell("sleep 40") { lab in
            async let asked = lab.scout("evidence")
            async let examined = lab.scout("doctor", "--topology", "loopback", "--json")
            let (evidence, doctor) = try await (asked, examined)
            let words = "the login shell in the container at \(lab["SCOUT_LAB_ADDRESS"]) has not come to the command"
            #expect(evidence.status == 69 && evidence.errors.hasPrefix("scout: \(words)"), "\(evidence.errors)")
            #expect(evidence.errors.contains("the owner can mend"), "\(evidence.errors)")
            let report = try JSON.decoder().decode(DoctorShape.self, from: Data(doctor.output.utf8))
            let failed = report.hops.first { $0.ok == false }
            #expect(failed?.id == "toolkit" && failed?.detail.hasPrefix(words) == true, "\(doctor.output)")
            #expect(report.advice.hasPrefix("owner: its start-up files"), "\(report.advice)")
        }
    }

    private struct DoctorShape: Decodable {
        struct Hop: Decodable {
            let id: String
            let ok: Bool?
            let detail: String
        }
        let hops: [Hop]
        let advice: String
    }

    @Test func aShellThatNeverStopsPrintingIsEnded() async throws {
        try await shell("yes Welcome") { lab in
            let outcome = try await lab.scout("evidence")
            #expect(outcome.status == 76 && outcome.errors.contains("more than"), "\(outcome.errors)")
        }
    }

    /// One from before the door knows no such command; one of the future answers in frames of its own.
    @Test(arguments: [
        ("echo \"Error: Unexpected argument '$2'\" >&2; exit 64", "is an older version"),
        (
            "echo '{\"schema\":\"scout.answer/2\",\"verb\":\"evidence\",\"report\":{}}'",
            "is another version: it answers in scout.answer/2"
        ),
    ])
    func aToolkitOfAnotherVersionIsNamed(script: String, words: String) async throws {
        let lab = try lab
        let toolkit = lab["SCOUT_LAB_REMOTE"] + "/bin/scout"
        try #require(rename(toolkit, toolkit + ".real") == 0)
        defer { #expect(rename(toolkit + ".real", toolkit) == 0) }
        Workbench.write(Array("#!/bin/sh\n\(script)\n".utf8), to: toolkit, mode: 0o755)
        let evidence = try await lab.scout("evidence")
        #expect(evidence.status == 76 && evidence.errors.contains(words), "\(evidence.errors)")
        #expect(evidence.errors.contains("hint: use the same version of scout on both sides"), "\(evidence.errors)")
        let doctor = try await lab.scout("doctor", "--topology", "loopback", "--json")
        let failed = try JSON.decoder().decode(DoctorShape.self, from: Data(doctor.output.utf8)).hops.first {
            $0.ok == false
        }
        #expect(failed?.id == "toolkit", "\(doctor.output)")
    }

    @Test func sourcesThatLookLikeOptionsAreSources() async throws {
        let lab = try lab
        let file = lab["SCOUT_LAB_REMOTE"] + "/evidence/--version"
        Workbench.write(Array("abc".utf8), to: file, mode: 0o444)
        defer { unlink(file) }
        let hash = try await lab.scout("hash", "--hash", "md5", "--", "--version")
        #expect(hash.output.contains("900150983cd24fb0d6963f7d28e17f72"), "\(hash.output) \(hash.errors)")
        let image = lab["SCOUT_LAB_HOME"] + "/option.dd"
        let taken = try await lab.scout("acquire", image: image)
        #expect(taken.status == 0, "\(taken.errors)")
        let lease = try await lab.scout("serve", "nbd", "--json", "--port", "2007", "--", "--version")
        #expect(try JSON.decode(LeaseReport.self, from: Data(lease.output.utf8)).port == 2007)
        let released = try await lab.scout("release", "--", "--version")
        #expect(released.output == "released 2007 --version\n", "\(released.errors)")
    }
}

extension Lab {
    fileprivate func scout(_ verb: String, image: String) async throws -> Outcome {
        try await scout(verb, "--verify-source", "--", "--version", image)
    }
}
