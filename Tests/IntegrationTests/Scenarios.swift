import Core
import FoundationEssentials
import Glibc
import Platform
import TestSupport
import Testing

/// What must hold in either lab: the expert's commands against a container that is reached over SSH.
struct Scenarios {
    let lab: Lab

    init() throws {
        lab = try #require(Lab.current)
    }

    /// An empty directory on the expert's machine.
    func withDirectory(_ body: (String) async throws -> Void) async throws {
        let made = try await lab.onExpert(["mktemp", "-d", "/tmp/scout-test.XXXXXX"])
        let directory = String(made.output.filter { $0 != "\n" })
        try #require(made.status == 0 && directory.hasPrefix("/tmp/"))
        do {
            try await body(directory)
        } catch {
            _ = try await lab.onExpert(["rm", "-rf", directory])
            throw error
        }
        _ = try await lab.onExpert(["rm", "-rf", directory])
    }

    func names(in directory: String) async throws -> [String] {
        try await lab.onExpert(["ls", directory]).output.split(separator: "\n").map(String.init)
    }

    func expectAllPortsFree() async throws {
        let outcome = try await lab.scout("ports", "--json")
        let report = try JSON.decode(PortsReport.self, from: Data(outcome.output.utf8))
        #expect(report.ports.map(\.port) == Array(2000...2009))
        #expect(report.ports.allSatisfy { $0.state == .free })
    }

    func sha256OfTheSource() async throws -> String {
        let outcome = try await Command("sha256sum", environment: Project.environment)(lab["SCOUT_LAB_EVIDENCE"])
        return String(outcome.output.prefix(64))
    }

    // MARK: - The main job

    func acquireImagesEveryByteAndReleasesThePort() async throws {
        try await withDirectory { directory in
            let image = directory + "/evidence0.dd"
            let outcome = try await lab.scout("acquire", "evidence0", image, "--verify-source", "--json")
            try #require(outcome.status == 0, "\(outcome.errors)\(outcome.output)")
            let expected = try await sha256OfTheSource()
            let sum = try await lab.onExpert(["sha256sum", image])
            #expect(sum.output.hasPrefix(expected))
            #expect(outcome.output.contains("\"source\" : \"\(expected)\""))
            #expect(outcome.output.contains("\"verified\" : true"))
            #expect(outcome.output.contains("\"tls\" : \"psk\""))
            #expect(try await names(in: directory) == ["evidence0.dd", "evidence0.dd.scout.json", "evidence0.dd.txt"])
            #expect(try await lab.onExpert(["scout", "verify", image]).status == 0)
            try await expectAllPortsFree()
        }
    }

    func verifyFindsAChangedByte() async throws {
        try await withDirectory { directory in
            let image = directory + "/evidence0.dd"
            #expect(try await lab.scout("acquire", "evidence0", image, "--no-verify", "--quiet").status == 0)
            let change = "printf X | dd of=\(image) bs=1 seek=1000000 conv=notrunc"
            #expect(try await lab.onExpert(["sh", "-c", change]).status == 0)
            let outcome = try await lab.onExpert(["scout", "verify", image])
            #expect(outcome.status == 1)
            #expect(outcome.output.contains("DIFFERS"))
        }
    }

    func interruptedAcquisitionLeavesAPartialAndAFreePort() async throws {
        try await withDirectory { directory in
            let image = directory + "/evidence0.dd"
            // Stopped as soon as the partial image is there.
            let script = """
                scout "$@" & job=$!
                for _ in $(seq 400); do [ -s \(image).partial ] && break; sleep 0.02; done
                kill -INT $job; wait $job
                """
            // A shell without job control makes background commands ignore SIGINT; `env` undoes that.
            let wrapped = script.replacing("scout \"$@\"", with: "env --default-signal=INT \"$@\"")
            let program = lab.kind == .loopback ? Project.binary : "scout"
            let outcome = try await lab.onExpert(
                ["bash", "-c", wrapped, "bash", program] + lab.target + [
                    "acquire", "evidence0", image, "--connections", "1",
                ])
            #expect(outcome.status == 130, "\(outcome.errors)")
            #expect(try await names(in: directory) == ["evidence0.dd.partial"])
            try await expectAllPortsFree()
        }
    }

    func existingOutputIsNeverTouched() async throws {
        try await withDirectory { directory in
            let image = directory + "/mine"
            _ = try await lab.onExpert(["sh", "-c", "echo precious > \(image)"])
            let outcome = try await lab.scout("acquire", "evidence0", image)
            #expect(outcome.status == 73)
            #expect(outcome.errors.contains(image))
            #expect(try await lab.onExpert(["cat", image]).output == "precious\n")
            #expect(try await names(in: directory) == ["mine"])
        }
    }

    func unknownEvidenceListsTheKnown() async throws {
        try await withDirectory { directory in
            let outcome = try await lab.scout("acquire", "evidence7", directory + "/x.dd")
            #expect(outcome.status == 66)
            #expect(outcome.errors.contains("known: evidence0"))
            #expect(try await names(in: directory).isEmpty)
        }
    }

    func writableExportIsRefused() async throws {
        try await withDirectory { directory in
            let served = try await lab.scout(
                "serve", "nbd", "/etc/hostname", "--writable", "--json", "--name", "writable")
            try #require(served.status == 0, "\(served.errors)\(served.output)")
            let lease = try JSON.decode(LeaseReport.self, from: Data(served.output.utf8))
            let outcome = try await lab.onExpert(["scout", "acquire", lease.uri, directory + "/x.dd"])
            #expect(outcome.status == 77, "\(outcome.errors)")
            #expect(try await names(in: directory).isEmpty)
            #expect(try await lab.scout("release", "writable").status == 0)
        }
    }

    // MARK: - The container's verbs, from afar

    func evidenceAndItsPartitionsAreListed() async throws {
        let outcome = try await lab.scout("evidence", "--json")
        let report = try JSON.decode(EvidenceReport.self, from: Data(outcome.output.utf8))
        let device = try #require(report.devices.first { $0.name == "evidence0" })
        #expect(device.readOnly)
        #expect(device.sizeBytes == 64 << 20)
        #expect(device.partitions.count == 2)
    }

    func serveAllowsOnlyTheCallersAddress() async throws {
        let served = try await lab.scout("serve", "nbd", "evidence0", "--json", "--name", "guarded")
        let lease = try JSON.decode(LeaseReport.self, from: Data(served.output.utf8))
        #expect(lease.allow.count == 1)
        #expect(try await lab.onExpert(["nbdinfo", "--size", lease.uri]).output == "\(64 << 20)\n")
        #expect(try await lab.scout("release", "guarded").status == 0)
        #expect(try await lab.onExpert(["nbdinfo", "--size", lease.uri]).status != 0)
    }

    func execPassesStreamsAndStatusThrough() async throws {
        let outcome = try await lab.scout("exec", "--", "sh", "-c", "cat; echo err >&2; exit 7", input: "in\n")
        #expect(outcome.status == 7)
        #expect(outcome.output == "in\n")
        #expect(outcome.errors == "err\n")
        let words = try await lab.scout("exec", "--", "printf", "<%s>", "a b", "$HOME", "it's", "")
        #expect(words.output == "<a b><$HOME><it's><>")
        #expect(try await lab.scout("exec", "--", "sh", "-c", "kill -TERM $$").status == 143)
    }

    // MARK: - Whom we talk to

    func unknownHostKeyIsRefusedWithItsFingerprint() async throws {
        try await withDirectory { home in
            let plain = ["env", "HOME=\(home)", lab.kind == .loopback ? Project.binary : "scout"]
            let target = ["--target", lab["SCOUT_LAB_TARGET"]]
            let refused = try await lab.onExpert(plain + target + ["evidence"])
            #expect(refused.status == 77)
            #expect(refused.errors.contains(lab["SCOUT_LAB_FINGERPRINT"]))
            #expect(refused.errors.contains("--accept-host-key"))
            let wrong = ["--accept-host-key", "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]
            #expect(try await lab.onExpert(plain + target + wrong + ["evidence"]).status == 77)
            #expect(try await names(in: home + "/.config/scout").isEmpty)
        }
    }

    func changedHostKeyIsRefusedWithBothFingerprints() async throws {
        try await withDirectory { home in
            let key = home + "/other"
            _ = try await lab.onExpert(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key])
            let address = lab["SCOUT_LAB_KNOWN_HOSTS_LINE"].split(separator: " ").first.map(String.init) ?? ""
            let plant = """
                mkdir -p \(home)/.config/scout
                printf '%s %s\\n' '\(address)' "$(cut -d' ' -f1,2 \(key).pub)" > \(home)/.config/scout/known_hosts
                ssh-keygen -lf \(key).pub | cut -d' ' -f2
                """
            let old = try await lab.onExpert(["sh", "-c", plant]).output.filter { $0 != "\n" }
            #expect(old.hasPrefix("SHA256:"))
            let outcome = try await lab.onExpert(
                ["env", "HOME=\(home)", lab.kind == .loopback ? Project.binary : "scout"] + lab.target + ["evidence"])
            #expect(outcome.status == 77)
            #expect(outcome.errors.contains(lab["SCOUT_LAB_FINGERPRINT"]))
            #expect(outcome.errors.contains(old))
        }
    }
}
